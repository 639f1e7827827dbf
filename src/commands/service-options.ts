import { type Command, Option } from 'commander';
import { AppError } from '../domain/app-error.ts';
import type { ServiceAddress } from './service-client.ts';

/** What `--url` and `--key` gave. */
export type ServiceOptions = { url?: string; key?: string };

/** Lets a command be told of a running service. */
export function withService(command: Command): Command {
  return command
    .addOption(new Option('--url <address>', 'a running service to ask').env('SARING_URL'))
    .addOption(new Option('--key <key>', 'API key for that service').env('SARING_KEY'));
}

/** A service named by options or by SARING_URL and SARING_KEY; null when none is. */
export function serviceOf(options: ServiceOptions): ServiceAddress | null {
  if (options.url === undefined) return null;
  if (options.key === undefined)
    throw new AppError('KEY_MISSING', 422, '--url needs a key too: --key or SARING_KEY');
  if (URL.parse(options.url) === null)
    throw new AppError('URL_INVALID', 422, `--url must be an address such as http://127.0.0.1:8080`);
  return { url: options.url, key: options.key };
}

/** The same, for commands that cannot do without. */
export function requireService(options: ServiceOptions): ServiceAddress {
  const service = serviceOf(options);
  if (service === null)
    throw new AppError(
      'URL_MISSING',
      422,
      'name a running service: --url and --key, or SARING_URL and SARING_KEY',
    );
  return service;
}

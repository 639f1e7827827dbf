import type { Config } from '../config.ts';
import { createServices } from '../services.ts';
import { describeFlags, importSamples } from './demo.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import { say, tell } from './say.ts';
import { createLog, startService } from './serve.ts';
import { showOperations } from './show-operations.ts';
import { stepBack } from './step-back.ts';

/**
 * Answers requests until stopped, and works in the background unless Redis hands that to workers.
 *
 * @returns the exit code
 */
export async function runServe(config: Config): Promise<number> {
  const log = createLog(config);
  const service = await startService(config, log);
  if (service.firstKey !== null) {
    tell(
      `First start: your admin key is ${service.firstKey}\nIt is shown only now. Make keys for people with: saring keys create`,
    );
  }
  log.info({ address: service.address }, 'listening');
  return await runUntilStopped(service, longestEndMs(config), log);
}

/**
 * Only works in the background, until stopped, and lets whatever somebody waits for have a processor first.
 *
 * @returns the exit code
 */
export async function runWork(config: Config): Promise<number> {
  const priority = config.work.priority === 'idle' ? stepBack() : 'normal';
  const log = createLog(config);
  const services = await createServices(config, log);
  let ending = false;
  const operations = await showOperations(services, () => ending);
  const worker = {
    async close() {
      ending = true;
      await services.close();
      await operations.close();
    },
  };
  await services.startWork();
  log.info({ priority }, 'working');
  return await runUntilStopped(worker, longestEndMs(config), log);
}

/**
 * Imports the samples, shows what is flagged and why, and keeps serving until stopped.
 *
 * @returns the exit code
 */
export async function runDemo(config: Config): Promise<number> {
  const log = createLog(config);
  tell('Setting up; the first start takes a few seconds.');
  const service = await startService(config, log, importSamples);
  say(await describeFlags(service.services, 40));
  say(`\nsaring answers at ${service.address} (its API: ${service.address}/docs). Stop it with Ctrl-C.`);
  if (service.firstKey !== null) say(`Your admin key, shown only now: ${service.firstKey}`);
  return await runUntilStopped(service, longestEndMs(config), log);
}

/** Requests and then the work in hand have SHUTDOWN_SECONDS each to end by themselves, and a moment to be broken off. */
function longestEndMs({ drainMs, shutdownMs }: Config): number {
  const breakingOffMs = 5_000;
  return drainMs + 2 * shutdownMs + breakingOffMs;
}

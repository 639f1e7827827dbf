import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { tell } from './say.ts';
import { type ServiceOptions, serviceOf, withService } from './service-options.ts';

/** Adds the commands that keep an embedded database safe. */
export function addBackupCommands(program: Command, config: () => Config): void {
  withService(
    program.command('backup').description('write a backup of the embedded database, also of one in use'),
  )
    .requiredOption('-o, --out <file>', 'where to; the file must not be there yet')
    .action(async (options: ServiceOptions & { out: string }) => {
      const { backUp } = await import('./backup.ts');
      await backUp(config(), serviceOf(options), options.out);
      tell(`The backup is in ${options.out}. Frozen pictures are not in it: copy their folder beside it.`);
    });

  program
    .command('restore')
    .description('begin an embedded database from a backup, in a folder that has none')
    .argument('<file>', 'what saring backup wrote, or a snapshot')
    .action(async (file: string) => {
      const { restore } = await import('./backup.ts');
      const listings = await restore(config(), file);
      tell(`Restored ${listings} listings.`);
    });
}

import type { Command } from 'commander';
import { AppError } from '../domain/app-error.ts';
import { say, tell } from './say.ts';
import { requireService, type ServiceOptions, withService } from './service-options.ts';

const listed = 500;

/** Adds the commands for background work that was given up. */
export function addDeadLetterCommands(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('background work of a running service that was given up');

  withService(letters.command('list').description('what was given up and why, the newest first'))
    .option('--lane <lane>', 'only work of this kind, such as assess or capture')
    .action(async (options: ServiceOptions & { lane?: string }) => {
      const { formatDeadLetters, listDeadLetters } = await import('./dead-letters.ts');
      const choice = { lane: options.lane ?? null, limit: listed };
      const found = await listDeadLetters(requireService(options), choice);
      say(formatDeadLetters(found));
      if (found.length === listed) tell(`These are the newest ${listed}.`);
    });

  withService(letters.command('retry').description('have it tried again'))
    .argument('[work...]', 'ids of the work', [])
    .option('--lane <lane>', 'all work of this kind')
    .option('--all', 'all work', false)
    .action(async (workIds: string[], options: ServiceOptions & { lane?: string; all: boolean }) => {
      if (workIds.length === 0 && options.lane === undefined && !options.all)
        throw new AppError('CHOICE_MISSING', 422, 'say which: ids of work, --lane or --all');
      const { retryDeadLetters } = await import('./dead-letters.ts');
      const retried = await retryDeadLetters(requireService(options), {
        workIds,
        lane: options.lane ?? null,
      });
      tell(`${retried} ${retried === 1 ? 'piece' : 'pieces'} of work will be tried again.`);
    });
}

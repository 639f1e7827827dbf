/** What the size of a chunk does to the speed of a night, with one worker on PostgreSQL and Redis. */
import { join } from 'node:path';
import { Command } from 'commander';
import { median } from './median.ts';
import { createListingMaker, usualNight, writeListings } from './night/listings.ts';
import { startOwnService } from './night/own-service.ts';
import { type ProcessorTime, sum, watchProcessors } from './night/processor-time.ts';
import { sendBatch } from './night/send-batch.ts';
import { startServers } from './night/servers.ts';
import { markdownTable } from './peers/markdown-table.ts';

const { listings, rounds, sizes, warmUp } = new Command('measure-chunks')
  .description('listings/s by rows of a chunk')
  .option('--listings <n>', 'listings of a night', Number, 20_000)
  .option('--rounds <n>', 'rounds, of which medians are taken', Number, 3)
  .option('--warm-up <n>', 'listings sent before, unmeasured', Number, 4_000)
  .option('--sizes <rows>', 'rows of a chunk, apart by commas', '10,50,100,200,500,1000')
  .showHelpAfterError()
  .parse()
  .opts<{ listings: number; rounds: number; warmUp: number; sizes: string }>();

type Run = { seconds: number; processor: ProcessorTime };

const servers = await startServers();
try {
  const [night, before] = [join(servers.folder, 'night.ndjson'), join(servers.folder, 'warm-up.ndjson')];
  const make = await createListingMaker({ ...usualNight, until: new Date() }, 'n');
  await writeListings(night, make, { from: 0, count: listings });
  await writeListings(before, make, { from: listings, count: warmUp });
  const runs = new Map<string, Run[]>(sizes.split(',').map((size) => [size, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [size, ofSize] of runs) {
      const settings = { BATCH_CHUNK_ROWS: size };
      const service = await startOwnService(servers, { workers: 1, profileFolder: null, settings });
      try {
        await sendBatch(service, before);
        const since = watchProcessors(service.parts);
        const { seconds } = await sendBatch(service, night);
        ofSize.push({ seconds, processor: since() });
        process.stderr.write(`round ${round}, ${size} rows: ${Math.round(listings / seconds)} listings/s\n`);
      } finally {
        await service.stop();
      }
    }
  }
  const rows = [...runs].map(([size, ofSize]) => {
    const perThousand = (of: (run: Run) => number) =>
      ((median(ofSize.map(of)) / listings) * 1_000).toFixed(3);
    return [
      size,
      String(Math.round(listings / median(ofSize.map(({ seconds }) => seconds)))),
      perThousand(({ processor }) => sum(Object.values(processor.took))),
      perThousand(({ processor }) => processor.took.redis ?? 0),
    ];
  });
  console.log(
    markdownTable(['rows of a chunk', 'listings/s', 'processor s/1,000', 'of it Redis s/1,000'], rows),
  );
} finally {
  await servers.close();
}

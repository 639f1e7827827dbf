import { test } from 'vitest';
import { endNight, workedOff } from './end-of-night.ts';
import { expectNothingLost, type TakenNight } from './expect-nothing-lost.ts';
import { byMode, type Chance, createChance, long, pause } from './mode.ts';
import { makeNight } from './night.ts';
import { cutConnections } from './postgres-faults.ts';
import { progress } from './progress.ts';
import { type Part, type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rounds = byMode(1, 5);
const killsPerRound = byMode(6, 42);
const senders = byMode(1, 4);
const nightsPerRound = byMode(6, 1_000);
const rows = byMode({ least: 400, most: 1_200 }, { least: 1_000, most: 4_000 });
/** Between faults, milliseconds. */
const calm = { least: 30, most: byMode(400, 600) };
/** Longer than a command to Redis may take. */
const redisPauseMs = 2_500;

/** What was killed and is being started again, while the next fault already happens. */
type Restarts = Map<Part, Promise<void>>;

async function fault(site: Site, chance: Chance, restarts: Restarts): Promise<void> {
  const [first, second] = site.workers;
  if (first === undefined || second === undefined) throw new Error('two workers are needed');
  const killed = async (...parts: Part[]) => {
    const there = parts.filter((part) => !restarts.has(part));
    await Promise.all(there.map((part) => part.kill()));
    const waitMs = chance.between(0, 300);
    for (const part of there) {
      const start = pause(waitMs).then(() => part.start());
      restarts.set(
        part,
        start.finally(() => restarts.delete(part)),
      );
    }
  };
  /** A server is there again before the next fault. */
  const killedAndBack = async (...servers: Part[]) => {
    await killed(...servers);
    await Promise.all(servers.map((server) => restarts.get(server)));
  };
  const faults = [
    () => killed(first),
    () => killed(second),
    () => killed(site.api),
    () => killed(site.api, first, second),
    () => killedAndBack(site.redis),
    () => killedAndBack(site.postgres),
    () => killedAndBack(site.postgres, site.redis),
    async () => {
      await site.postgres.stop();
      await site.postgres.start();
    },
    () => cutConnections(site, chance.between(1, 5)),
    async () => {
      site.redis.freeze();
      await pause(redisPauseMs);
      site.redis.thaw();
    },
  ];
  await chance.pick(faults)();
}

/** Sends night after night until it is told to end, or has sent enough. */
async function sendNights(
  site: Site,
  chance: Chance,
  name: string,
  ended: () => boolean,
): Promise<TakenNight[]> {
  const taken: TakenNight[] = [];
  for (let number = 1; !ended() && number <= nightsPerRound; number += 1) {
    const before = taken.at(-1)?.night;
    const night = makeNight(
      `${name}-${number}`,
      chance.between(rows.least, rows.most),
      chance,
      before === undefined ? {} : { before },
    );
    const { batchId } = await uploadNight(night, { ...site.api, key: site.key }, { paceMs: 25 });
    taken.push({ night, batchId });
    // Not so much ahead of the workers that at the end only they are waited for.
    if (long) await progress(site, night.name, 'scored', chance.random() * night.posts.length * 0.9);
  }
  return taken;
}

test(
  'everything killed at random moments, again and again',
  async () => {
    const chance = createChance('random kills');
    const site = await startSite({ workers: 2 });
    const taken: TakenNight[] = [];
    const restarts: Restarts = new Map();
    for (let round = 1; round <= rounds; round += 1) {
      let ended = false;
      const sending = Array.from({ length: senders }, (_, sender) =>
        sendNights(site, chance, `r${round}s${sender}`, () => ended),
      );
      while (site.kills() < round * killsPerRound) {
        await pause(chance.between(calm.least, calm.most));
        await fault(site, chance, restarts);
      }
      ended = true;
      await Promise.all(restarts.values());
      for (const nights of await Promise.all(sending)) taken.push(...nights);
      await workedOff(site);
      const { listings } = await expectNothingLost(site.store.db, taken);
      process.stderr.write(`round ${round}: kills ${site.kills()}, listings ${listings}\n`);
    }
    await endNight('random kills', site, taken);
  },
  byMode(120_000, 3_600_000),
);

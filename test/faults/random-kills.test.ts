import { test } from 'vitest';
import { endNight, workedOff } from './end-of-night.ts';
import { expectNothingLost, type TakenNight } from './expect-nothing-lost.ts';
import { byMode, type Chance, createChance, pause } from './mode.ts';
import { makeNight } from './night.ts';
import { cutConnections } from './postgres-faults.ts';
import { type Part, type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rounds = byMode(1, 5);
const killsPerRound = byMode(6, 42);
const senders = byMode(1, 2);
const nightsPerRound = byMode(6, 1_000);
const rows = byMode({ least: 400, most: 1_200 }, { least: 1_000, most: 4_000 });
/** Between faults, milliseconds. */
const calm = { least: 30, most: byMode(400, 800) };
/** Longer than a command to Redis may take. */
const redisPauseMs = 2_500;

async function fault(site: Site, chance: Chance): Promise<void> {
  const [first, second] = site.workers;
  if (first === undefined || second === undefined) throw new Error('two workers are needed');
  const killed = async (...parts: Part[]) => {
    await Promise.all(parts.map((part) => part.kill()));
    await pause(chance.between(0, 300));
    await Promise.all(parts.map((part) => part.start()));
  };
  const faults = [
    () => killed(first),
    () => killed(second),
    () => killed(site.api),
    () => killed(site.api, first, second),
    () => killed(site.redis),
    () => killed(site.postgres),
    () => killed(site.postgres, site.redis),
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
  }
  return taken;
}

test(
  'everything killed at random moments, again and again',
  async () => {
    const chance = createChance('random kills');
    const site = await startSite({ workers: 2 });
    const taken: TakenNight[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      let ended = false;
      const sending = Array.from({ length: senders }, (_, sender) =>
        sendNights(site, chance, `r${round}s${sender}`, () => ended),
      );
      while (site.kills() < round * killsPerRound) {
        await pause(chance.between(calm.least, calm.most));
        await fault(site, chance);
      }
      ended = true;
      for (const nights of await Promise.all(sending)) taken.push(...nights);
      await workedOff(site);
      const { listings } = await expectNothingLost(site.store.db, taken);
      process.stderr.write(`round ${round}: kills ${site.kills()}, listings ${listings}\n`);
    }
    await endNight('random kills', site, taken);
  },
  byMode(120_000, 3_600_000),
);

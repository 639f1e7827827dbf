import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const packages = ['postgresql', 'redis-server', 'python3-swift', 'libfaketime'];
/** Swift has no binary of its own in this package; the tests run it from its library. */
const swiftLibrary = '/usr/lib/python3/dist-packages/swift/common/middleware/s3api';
/** Where Debian keeps libraries, one folder for each architecture. */
const libraries = '/usr/lib';
const policyFile = '/usr/sbin/policy-rc.d';

/** Folders where Debian keeps servers: PATH, and one for each PostgreSQL version, newest first. */
function folders(): string[] {
  const versions = '/usr/lib/postgresql';
  const ofPostgres = existsSync(versions)
    ? readdirSync(versions)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(versions, version, 'bin'))
    : [];
  return [...ofPostgres, ...(process.env.PATH ?? '').split(':')];
}

/** Full path of a server's binary, or null. */
function findBinary(name: string): string | null {
  for (const folder of folders()) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this folder
    }
  }
  return null;
}

/** The path of a server's binary that `installServers` has made sure of. */
export function requireBinary(name: string): string {
  const file = findBinary(name);
  if (file === null)
    throw new Error(`${name} is missing: install it with apt-get install ${packages.join(' ')}`);
  return file;
}

/** Full path of libfaketime's build for programs with threads, or null. */
function findFaketime(): string | null {
  const files = readdirSync(libraries).map((name) => join(libraries, name, 'faketime/libfaketimeMT.so.1'));
  return files.find((file) => existsSync(file)) ?? null;
}

/** The library that tells a process another time, of which `installServers` has made sure. */
export function requireFaketime(): string {
  const file = findFaketime();
  if (file === null) throw new Error('libfaketime is missing: install it with apt-get install libfaketime');
  return file;
}

/** What the tests need and is not there. */
function missingServers(): string[] {
  const missing = ['initdb', 'postgres', 'redis-server'].filter((name) => findBinary(name) === null);
  if (!existsSync(swiftLibrary)) missing.push('swift');
  if (findFaketime() === null) missing.push('libfaketime');
  return missing;
}

/**
 * Makes sure that PostgreSQL, Redis, OpenStack Swift and libfaketime are there, from Debian's packages where that may be done.
 *
 * @throws Error with the one line that says what to install
 */
export function installServers(): void {
  const missing = missingServers();
  if (missing.length === 0) return;
  const advice = `saring tests need ${missing.join(', ')}: install with apt-get install ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) throw new Error(advice);
  process.stderr.write(`installing ${packages.join(', ')} for the tests\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Debian starts a service as soon as it is installed, unless this file says no; the tests start their own.
  const ours = !existsSync(policyFile);
  if (ours) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    execFileSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
      env,
      stdio: 'ignore',
    });
  } catch (cause) {
    throw new Error(advice, { cause });
  } finally {
    if (ours) rmSync(policyFile, { force: true });
  }
  if (missingServers().length > 0) throw new Error(advice);
}

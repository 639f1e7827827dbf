import { AppError } from '../domain/app-error.ts';

/** The first descriptor after standard error, which is where systemd puts sockets (sd_listen_fds(3)). */
const firstSocket = 3;

/**
 * The listening socket that whoever started this process holds open for it, as systemd's socket activation hands it
 * over. It outlives the process, so connections that come while one is restarted wait instead of being refused.
 *
 * @param environment with LISTEN_PID and LISTEN_FDS, which are for the process with that id alone
 * @returns its descriptor, or null where none was handed over
 * @throws AppError SOCKETS_TOO_MANY
 */
export function inheritedSocket(environment: Record<string, string | undefined>): number | null {
  const { LISTEN_PID: forProcess, LISTEN_FDS: count } = environment;
  if (count === undefined || forProcess !== String(process.pid)) return null;
  if (count !== '1')
    throw new AppError(
      'SOCKETS_TOO_MANY',
      500,
      `one listening socket can be taken over, and LISTEN_FDS is ${count}; name one in the socket unit`,
    );
  return firstSocket;
}

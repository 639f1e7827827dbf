/** The peer of benchmark-http.ts: Fastify that answers with the body it got. */
import Fastify from 'fastify';

const echo = Fastify();
echo.post('/', async (request) => request.body);
console.log(await echo.listen({ port: 0, host: '127.0.0.1' }));
process.once('SIGTERM', () => void echo.close());

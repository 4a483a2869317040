// Serves fauxqs on loopback alone: serve.mjs PORT
import { buildApp } from 'fauxqs';

const app = buildApp({ logger: false });
process.on('SIGTERM', async () => {
  await app.close();
  process.exit(0);
});
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });

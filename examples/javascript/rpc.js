// Remote procedure call: a request to a queue, the reply straight back to the caller.
//   node rpc.js serve       answer requests until stopped
//   node rpc.js call N      ask for the Nth Fibonacci number
const crypto = require('node:crypto');
const amqp = require('amqplib');

const url = process.env.AMQP_URL ?? 'amqp://guest:guest@localhost:5672/%2f';
const queue = 'example.rpc';
const replyTo = 'amq.rabbitmq.reply-to'; // direct reply-to: no reply queue is needed
const timeoutMs = 10000;

function fibonacci(n) {
  let [a, b] = [0n, 1n];
  for (let i = 0; i < n; i += 1) [a, b] = [b, a + b];
  return a;
}

async function serve(channel) {
  await channel.prefetch(1);
  await channel.consume(queue, (request) => {
    const { replyTo: caller, correlationId } = request.properties;
    const answer = fibonacci(Number(request.content));
    channel.sendToQueue(caller, Buffer.from(`${answer}`), { correlationId });
    channel.ack(request);
  });
  console.log('waiting for requests');
}

async function call(channel, n) {
  const correlationId = crypto.randomUUID();
  const answer = await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('no reply')), timeoutMs).unref();
    // The consumer must be there before the request goes out.
    channel.consume(replyTo, (reply) => {
      if (reply.properties.correlationId === correlationId) resolve(reply.content);
    }, { noAck: true }).then(() => {
      channel.sendToQueue(queue, Buffer.from(n), { replyTo, correlationId });
    }, reject);
  });
  console.log(`fibonacci(${n}) = ${answer}`);
}

async function main([mode, n]) {
  if (mode !== 'serve' && !(mode === 'call' && n)) throw new Error('usage: rpc.js serve | call N');
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, { durable: true });
  if (mode === 'serve') return serve(channel);
  await call(channel, n);
  return connection.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});

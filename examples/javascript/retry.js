// Retry with dead lettering: a failed task waits a while, is tried again, and is set aside
// after three attempts. No clock and no memory of attempts in the worker: the queues do it.
//   node retry.js work            do tasks until stopped; those that contain "bad" fail
//   node retry.js send TASK...    hand in tasks
const amqp = require('amqplib');

const url = process.env.AMQP_URL ?? 'amqp://guest:guest@localhost:5672/%2f';
const [queue, wait, failed] = ['example.retry', 'example.retry.wait', 'example.retry.failed'];
const waitMs = 500;
const attempts = 3;

async function declare(channel) {
  // Rejected tasks go from the queue to wait, and from there back when their time is over.
  await channel.assertQueue(queue, { deadLetterExchange: '', deadLetterRoutingKey: wait });
  await channel.assertQueue(wait, {
    deadLetterExchange: '', deadLetterRoutingKey: queue, messageTtl: waitMs });
  await channel.assertQueue(failed);
}

// How often the task was rejected before, as the broker has counted.
function failures({ headers }) {
  return (headers['x-death'] ?? [])
    .filter((death) => death.queue === queue)
    .reduce((sum, death) => sum + death.count, 0);
}

async function work(channel) {
  await channel.prefetch(1);
  await channel.consume(queue, async (message) => {
    const task = message.content.toString();
    const attempt = failures(message.properties) + 1;
    if (!task.includes('bad')) {
      console.log(`done: ${task}`);
      channel.ack(message);
    } else if (attempt < attempts) {
      console.log(`attempt ${attempt} failed: ${task}`);
      channel.reject(message, false);
    } else {
      console.log(`giving up: ${task}`);
      channel.sendToQueue(failed, message.content, { persistent: true });
      await channel.waitForConfirms();
      channel.ack(message);
    }
  });
  console.log('waiting for tasks');
}

async function send(channel, tasks) {
  for (const task of tasks) {
    channel.sendToQueue(queue, Buffer.from(task), { persistent: true });
    console.log(`sent: ${task}`);
  }
  await channel.waitForConfirms();
}

async function main([mode, ...tasks]) {
  if (!['work', 'send'].includes(mode)) throw new Error('usage: retry.js work | send TASK...');
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  await declare(channel);
  if (mode === 'work') return work(channel);
  await send(channel, tasks);
  return connection.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});

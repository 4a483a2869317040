// Work queue: tasks are shared by any number of workers, each task done once.
//   node work_queue.js work            take tasks until stopped
//   node work_queue.js send TASK...    hand in tasks
const amqp = require('amqplib');

const url = process.env.AMQP_URL ?? 'amqp://guest:guest@localhost:5672/%2f';
const queue = 'example.tasks';

async function work(channel) {
  await channel.prefetch(1); // one task at a time, so the load is shared fairly
  await channel.consume(queue, (task) => {
    console.log(`done: ${task.content}`);
    channel.ack(task); // only now does the broker forget the task
  });
  console.log('waiting for tasks');
}

async function send(channel, tasks) {
  for (const task of tasks) {
    channel.sendToQueue(queue, Buffer.from(task), { persistent: true });
    console.log(`sent: ${task}`);
  }
  await channel.waitForConfirms(); // the broker has them all
}

async function main([mode, ...tasks]) {
  if (!['work', 'send'].includes(mode)) throw new Error('usage: work_queue.js work | send TASK...');
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true });
  if (mode === 'work') return work(channel);
  await send(channel, tasks);
  return connection.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});

// Publish/subscribe: every subscriber gets a copy of the events it asked for.
//   node publish_subscribe.js subscribe PATTERN...    such as 'order.*' or '#'
//   node publish_subscribe.js publish KEY TEXT        such as order.created 'order 42'
const amqp = require('amqplib');

const url = process.env.AMQP_URL ?? 'amqp://guest:guest@localhost:5672/%2f';
const exchange = 'example.events';

async function subscribe(channel, patterns) {
  // A queue of our own, named by the broker, gone when we leave.
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (const pattern of patterns) await channel.bindQueue(queue, exchange, pattern);
  await channel.consume(queue, (event) => {
    console.log(`${event.fields.routingKey}: ${event.content}`);
  }, { noAck: true });
  console.log('waiting for events');
}

async function publish(channel, key, text) {
  channel.publish(exchange, key, Buffer.from(text));
  await channel.waitForConfirms();
  console.log(`published: ${key}`);
}

async function main([mode, ...rest]) {
  if (mode !== 'subscribe' && !(mode === 'publish' && rest.length === 2)) {
    throw new Error('usage: publish_subscribe.js subscribe PATTERN... | publish KEY TEXT');
  }
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange(exchange, 'topic', { durable: true });
  if (mode === 'subscribe') return subscribe(channel, rest);
  await publish(channel, ...rest);
  return connection.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});

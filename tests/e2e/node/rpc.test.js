// Requests and replies: direct reply-to, and reply queues of the requester's own.
'use strict';

const assert = require('node:assert/strict');
const { closedBy, consume, eventuallyGet, onRabbitMq3, openChannel, scenario } = require('./support');

/** Answers requests on `queue` with the body in upper case. */
async function startUpperCaseService(connection, queue) {
  const channel = await openChannel(connection);
  await channel.assertQueue(queue);
  await channel.consume(queue, (request) => {
    const { replyTo, correlationId } = request.properties;
    channel.sendToQueue(replyTo, Buffer.from(request.content.toString().toUpperCase()),
      { correlationId });
    channel.ack(request);
  });
}

scenario('direct reply-to brings the reply to the requester', async ({ connect, channel, name }) => {
  const queue = name('upper');
  await startUpperCaseService(await connect(), queue);
  const replies = await consume(channel, 'amq.rabbitmq.reply-to', { noAck: true });
  for (const id of ['1', '2', '3']) {
    channel.sendToQueue(queue, Buffer.from(`hello ${id}`),
      { replyTo: 'amq.rabbitmq.reply-to', correlationId: id });
  }
  for (const id of ['1', '2', '3']) {
    const { content, properties } = await replies.next();
    assert.deepEqual([content.toString(), properties.correlationId], [`HELLO ${id}`, id]);
  }
});

scenario('direct reply-to hands the responder an opaque address', async ({ channel, name }) => {
  const queue = name('opaque');
  await channel.assertQueue(queue);
  await consume(channel, 'amq.rabbitmq.reply-to', { noAck: true });
  channel.sendToQueue(queue, Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to' });
  const { replyTo } = (await channel.get(queue, { noAck: true })).properties;
  assert.match(replyTo, /^amq\.rabbitmq\.reply-to\..+/);
  // Asking whether the requester is still there: RabbitMQ 3.10 answers with an internal error.
  if (!onRabbitMq3) assert.equal((await channel.assertQueue(replyTo)).consumerCount, 1);
});

scenario('a reply to a requester that left is dropped in silence',
  async ({ connect, channel, name }) => {
    const queue = name('late');
    await channel.assertQueue(queue);
    const requester = await connect();
    const asking = await openChannel(requester);
    await consume(asking, 'amq.rabbitmq.reply-to', { noAck: true });
    asking.sendToQueue(queue, Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to' });
    const { properties } = await eventuallyGet(channel, queue);
    await requester.close();
    channel.sendToQueue(properties.replyTo, Buffer.from('!'));
    await channel.checkQueue(queue);
  });

scenario('direct reply-to needs a consumer first, and one that does not acknowledge',
  async ({ connection, channel }) => {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const error = await closedBy(channel,
      () => channel.sendToQueue(queue, Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to' }));
    assert.equal(error.code, 406);
    assert.match(error.message, /fast reply consumer does not exist/);
    const second = await openChannel(connection);
    const other = await closedBy(second, () => second.consume('amq.rabbitmq.reply-to', () => {}));
    assert.equal(other.code, 406);
    assert.match(other.message, /reply consumer cannot acknowledge/);
  });

scenario('a temporary reply queue brings replies too', async ({ connect, channel, name }) => {
  const queue = name('upper');
  await startUpperCaseService(await connect(), queue);
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
  const replies = await consume(channel, replyTo, { noAck: true });
  channel.sendToQueue(queue, Buffer.from('slow path'), { replyTo, correlationId: 'c' });
  const { content, properties } = await replies.next();
  assert.deepEqual([content.toString(), properties.correlationId], ['SLOW PATH', 'c']);
});

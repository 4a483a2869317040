// The other clients of the Node.js world: cloudamqp's amqp-client, rascal, and an old amqplib.
'use strict';

const assert = require('node:assert/strict');
const { AMQPClient, AMQPSession } = require('@cloudamqp/amqp-client');
const oldAmqplib = require('amqplib-old');
const rascal = require('rascal');
const { consume, inTime, next, scenario, url } = require('./support');

/** Runs `body` with a channel of cloudamqp's client. */
async function withAmqpClient(body) {
  const client = new AMQPClient(url);
  const connection = await client.connect();
  try {
    await body(await connection.channel(), connection);
  } finally {
    await connection.close();
  }
}

scenario('amqp-client: publishes with confirms and gets', async ({ name }) => {
  await withAmqpClient(async (channel) => {
    const queue = name('client');
    await channel.queueDeclare(queue);
    await channel.confirmSelect();
    const tags = [];
    for (const body of ['1', '2', '3']) tags.push(await channel.basicPublish('', queue, body));
    assert.deepEqual(tags, [1, 2, 3]);
    const message = await channel.basicGet(queue, { noAck: false });
    assert.deepEqual([message.bodyString(), message.messageCount], ['1', 2]);
    await message.ack();
    assert.equal((await channel.queuePurge(queue)).messageCount, 2);
  });
});

scenario('amqp-client: a committed transaction is seen, a rolled back one is not',
  async ({ name }) => {
    await withAmqpClient(async (channel) => {
      const queue = name('tx');
      await channel.queueDeclare(queue);
      await channel.txSelect();
      await channel.basicPublish('', queue, 'undone');
      await channel.txRollback();
      await channel.basicPublish('', queue, 'done');
      assert.equal(await channel.basicGet(queue, { noAck: true }), null);
      await channel.txCommit();
      assert.equal((await channel.basicGet(queue, { noAck: true })).bodyString(), 'done');
      assert.equal(await channel.basicGet(queue, { noAck: true }), null);
      await channel.txCommit();
    });
  });

scenario('amqp-client: a mandatory message without a queue comes back', async ({ name }) => {
  await withAmqpClient(async (channel) => {
    const returned = inTime(new Promise((resolve) => { channel.onReturn = resolve; }), 'the return');
    await channel.basicPublish('', name('nowhere'), 'back', {}, true);
    const message = await returned;
    assert.deepEqual([message.replyCode, message.replyText, message.bodyString()],
      [312, 'NO_ROUTE', 'back']);
  });
});

scenario('amqp-client: a channel error names its reason and spares the connection',
  async ({ name }) => {
    await withAmqpClient(async (channel, connection) => {
      const queue = name('missing');
      await assert.rejects(channel.queueDeclare(queue, { passive: true }),
        new RegExp(`no queue '${queue}' in vhost '/'.*404`));
      await (await connection.channel()).exchangeDeclare('amq.direct', 'direct', { passive: true });
    });
  });

scenario('amqp-client: channel.flow is answered', async () => {
  await withAmqpClient(async (channel) => {
    assert.equal(await channel.basicFlow(true), true);
  });
});

scenario('amqp-client: a session calls procedures and subscribes', async ({ name }) => {
  const session = await AMQPSession.connect(url);
  try {
    const queue = name('rpc');
    await session.rpcServer(queue, (message) => `${message.bodyString()}!`);
    const reply = await inTime(session.rpcCall(queue, 'hello', { timeout: 5000 }), 'the reply');
    assert.equal(reply.bodyString(), 'hello!');

    const events = await session.queue(name('events'));
    const exchange = await session.topicExchange(name('topic'));
    await events.bind(exchange, 'user.#');
    const received = new Promise((resolve) => {
      events.subscribe((message) => resolve(message.bodyString()));
    });
    await exchange.publish('signed up', { routingKey: 'user.created' });
    assert.equal(await inTime(received, 'the event'), 'signed up');
  } finally {
    await session.stop();
  }
});

scenario('rascal: publishes and subscribes as configured', async ({ name }) => {
  const [exchange, queue] = [name('rascal-x'), name('rascal-q')];
  const broker = await rascal.BrokerAsPromised.create(rascal.withTestConfig({
    vhosts: {
      '/': {
        connection: { url },
        exchanges: { [exchange]: { type: 'topic' } },
        queues: { [queue]: {} },
        bindings: [`${exchange}[order.*] -> ${queue}`],
        publications: { orders: { exchange, confirm: true } },
        subscriptions: { orders: { queue, prefetch: 5 } },
      },
    },
  }));
  try {
    const subscription = await broker.subscribe('orders');
    const received = inTime(new Promise((resolve) => {
      subscription.on('message', (message, content, ackOrNack) => {
        ackOrNack();
        resolve(content);
      });
    }), 'the order');
    const publication = await broker.publish('orders', { id: 42 }, 'order.created');
    await next(publication, 'success');
    assert.deepEqual(await received, { id: 42 });
  } finally {
    await broker.nuke();
    await broker.shutdown();
  }
});

scenario('an amqplib that asks for frames of 4096 octets works', async ({ channel, name }) => {
  const queue = name('old');
  const connection = await oldAmqplib.connect(url);
  try {
    assert.equal(connection.connection.frameMax, 4096);
    const old = await connection.createConfirmChannel();
    await old.assertQueue(queue);
    const body = Buffer.alloc(30000, 'o');
    old.sendToQueue(queue, body);
    await inTime(old.waitForConfirms(), 'the confirm');
    const consumer = await consume(old, queue, { noAck: true });
    assert.ok((await consumer.next()).content.equals(body));
    assert.equal((await channel.checkQueue(queue)).consumerCount, 1);
  } finally {
    await connection.close();
  }
});

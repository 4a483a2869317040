// sqs-consumer, with which most Node.js programs take from queues.
'use strict';

const assert = require('node:assert/strict');
const { SQSClient } = require('@aws-sdk/client-sqs');
const { Consumer } = require('sqs-consumer');
const { eventually, scenario, settings } = require('./support');

/** Runs `body` with a consumer of `queue` that is stopped, whatever happens. */
async function consuming(queue, options, body) {
  const sqs = new SQSClient(settings);
  const consumer = Consumer.create({
    queueUrl: queue.url, sqs, waitTimeSeconds: 5, visibilityTimeout: 30, ...options });
  const errors = [];
  for (const kind of ['error', 'processing_error', 'timeout_error']) {
    consumer.on(kind, (error) => errors.push([kind, error]));
  }
  consumer.start();
  try {
    await body({ consumer, errors });
  } finally {
    const stopped = new Promise((resolve) => consumer.on('stopped', resolve));
    consumer.stop({ abort: true });
    await stopped;
    sqs.destroy();
  }
}

/** With the one SDK that sqs-consumer brings along. */
function story(title, body) {
  scenario(title, body, { protocols: ['JSON'] });
}

story('a consumer takes what is sent, before and after it starts, and deletes it',
  async ({ queue }) => {
    const made = await queue();
    await made.send('before');
    const seen = [];
    await consuming(made, { handleMessage: async ({ Body }) => { seen.push(Body); } },
      async ({ errors }) => {
        await eventually(() => seen.length === 1, 'the first message');
        await made.send('after');
        await eventually(() => seen.length === 2, 'the second message');
        await eventually(async () => (await made.counts()).join() === '0,0,0', 'an empty queue');
        assert.deepEqual(errors, []);
      });
    assert.deepEqual(seen, ['before', 'after']);
  });

story('a message whose handler fails comes back and is kept', async ({ queue }) => {
  const made = await queue();
  await made.send('hard');
  const tries = [];
  const handleMessage = async ({ Attributes }) => {
    tries.push(Attributes.ApproximateReceiveCount);
    if (tries.length < 3) throw new Error('not yet');
  };
  const options = {
    handleMessage, visibilityTimeout: 1, messageSystemAttributeNames: ['ApproximateReceiveCount'] };
  await consuming(made, options, async ({ errors }) => {
    await eventually(() => tries.length === 3, 'the third try');
    await eventually(async () => (await made.counts()).join() === '0,0,0', 'an empty queue');
    assert.deepEqual(errors.map(([kind]) => kind), ['processing_error', 'processing_error']);
  });
  assert.deepEqual(tries, ['1', '2', '3']);
});

story('a failed message is free at once when the consumer gives it back', async ({ queue }) => {
  const made = await queue();
  await made.send('hard');
  let tries = 0;
  const handleMessage = async () => {
    tries += 1;
    if (tries === 1) throw new Error('not yet');
  };
  await consuming(made, { handleMessage, visibilityTimeout: 600, terminateVisibilityTimeout: true },
    async () => eventually(() => tries === 2, 'the second try'));
});

story('a batch handler gets batches, and what it does not name stays', async ({ queue }) => {
  const made = await queue();
  await made.sendAll(Array.from({ length: 10 }, (_, i) => String(i)));
  const seen = [];
  const handleMessageBatch = async (messages) => {
    seen.push(...messages.map(({ Body }) => Body));
    return messages.filter(({ Body }) => Number(Body) % 2 === 0);
  };
  await consuming(made, { handleMessageBatch, batchSize: 10, visibilityTimeout: 600 }, async () => {
    await eventually(() => seen.length === 10, 'ten messages');
    await eventually(async () => (await made.counts()).join() === '0,5,0', 'five deleted');
  });
});

story('work that takes long is kept by heartbeats', async ({ queue }) => {
  const made = await queue();
  await made.send('long');
  let tries = 0;
  const handleMessage = async () => {
    tries += 1;
    await new Promise((resolve) => setTimeout(resolve, 3500));
  };
  await consuming(made, { handleMessage, visibilityTimeout: 2, heartbeatInterval: 1 }, async () => {
    await eventually(async () => tries > 0 && (await made.counts()).join() === '0,0,0',
      'an empty queue');
    assert.equal(tries, 1);
  });
});

story('a consumer that is stopped while it polls takes nothing with it', async ({ queue }) => {
  const made = await queue();
  await consuming(made, { handleMessage: async () => {}, waitTimeSeconds: 20 },
    async ({ consumer }) => eventually(() => consumer.status.isPolling, 'a poll'));
  await made.send('x');
  assert.equal((await made.one()).Attributes.ApproximateReceiveCount, '1');
});

story('a queue that does not exist is told as an error', async ({ queue }) => {
  const made = await queue();
  const missing = { url: `${made.url}-missing` };
  await consuming(missing, { handleMessage: async () => {} }, async ({ errors }) => {
    await eventually(() => errors.length > 0, 'an error');
    assert.equal(errors[0][0], 'error');
    assert.match(errors[0][1].message, /queue does not exist/i);
  });
});

// What every test here shares: both generations of the SDK, queues of its own, waiting.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const test = require('node:test');

const endpoint = process.env.SQS_URL;
const broker = process.env.BROKER;
const settings = {
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1,
};

/** The same client library before and after it changed its protocol. */
const sdks = [
  { protocol: 'JSON', aws: require('@aws-sdk/client-sqs') },
  { protocol: 'Query', aws: require('client-sqs-query') },
];

/** Why a test is not run against this broker: false when it is. */
function reasonToSkip(protocol, polymqOnly) {
  if (broker === 'rabbitmq') return 'no SQS there';
  if (broker !== 'fauxqs') return false;
  if (protocol === 'Query') return 'fauxqs: speaks only the JSON protocol';
  return polymqOnly === undefined ? false : `fauxqs: ${polymqOnly}`;
}

/** What is rightly answered, where the peer that proves the tests answers otherwise. */
function expect({ fauxqs, polymq }) {
  return broker === 'fauxqs' ? fauxqs : polymq;
}

/**
 * Runs `body` once with each SDK (of `protocols`), and deletes its queues afterwards. `polymqOnly`
 * says why the peer cannot pass the test.
 */
function scenario(title, body, { polymqOnly, protocols = ['JSON', 'Query'] } = {}) {
  for (const { protocol, aws } of sdks.filter((sdk) => protocols.includes(sdk.protocol))) {
    const skip = reasonToSkip(protocol, polymqOnly);
    test(`${title} (${protocol})`, { timeout: 25000, skip }, async () => {
      const client = new aws.SQSClient(settings);
      const made = new Set();
      try {
        await body(tools(aws, client, protocol, made));
      } finally {
        const cleaning = [...made].map((QueueUrl) => client.send(
          new aws.DeleteQueueCommand({ QueueUrl })).catch(() => {}));
        await Promise.all(cleaning);
        client.destroy();
      }
    });
  }
}

function tools(aws, client, protocol, made) {
  /** call('SendMessage', {...}, options) -> the answer. */
  const call = (action, input = {}, options = {}) =>
    client.send(new aws[`${action}Command`](input), options);
  const on = (QueueUrl) => queueTools(call, QueueUrl);
  return {
    aws,
    call,
    client,
    protocol,
    on,
    /** A new queue: { url, send(), receive(), ... }. */
    async queue({ name = uniqueName(), tags, ...attributes } = {}) {
      const Attributes = Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, String(value)]));
      const { QueueUrl } = await call('CreateQueue', { QueueName: name, Attributes, tags });
      made.add(QueueUrl);
      return { name, ...on(QueueUrl) };
    },
    /** The error with which an action is refused. */
    async refusal(action, input) {
      const error = await call(action, input).then(
        () => assert.fail(`${action} was not refused`), (reason) => reason);
      assert.ok(error.$metadata, error.stack);
      return error;
    },
  };
}

function queueTools(call, QueueUrl) {
  const receive = async ({ most = 10, wait = 5, ...more } = {}, options = {}) => {
    const { Messages = [] } = await call('ReceiveMessage', {
      QueueUrl, MaxNumberOfMessages: most, WaitTimeSeconds: wait, AttributeNames: ['All'],
      MessageAttributeNames: ['All'], ...more }, options);
    return Messages;
  };
  return {
    url: QueueUrl,
    send: (MessageBody, more = {}) => call('SendMessage', { QueueUrl, MessageBody, ...more }),
    /** Sends a batch; each entry is a body or a whole entry. */
    sendAll: (entries) => call('SendMessageBatch', {
      QueueUrl,
      Entries: entries.map((entry, at) => (
        typeof entry === 'string' ? { Id: `e${at}`, MessageBody: entry } : entry)) }),
    receive,
    /** The one message that must come. */
    async one(options) {
      const messages = await receive(options);
      assert.equal(messages.length, 1);
      return messages[0];
    },
    bodies: async (options) => (await receive(options)).map(({ Body }) => Body),
    remove: ({ ReceiptHandle }) => call('DeleteMessage', { QueueUrl, ReceiptHandle }),
    hide: ({ ReceiptHandle }, VisibilityTimeout) =>
      call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout }),
    async attributes(...AttributeNames) {
      return (await call('GetQueueAttributes', { QueueUrl, AttributeNames })).Attributes ?? {};
    },
    async arn() {
      return (await this.attributes('QueueArn')).QueueArn;
    },
    /** How many messages wait, are out, and are delayed. */
    async counts() {
      const told = await this.attributes('All');
      return ['', 'NotVisible', 'Delayed'].map(
        (what) => Number(told[`ApproximateNumberOfMessages${what}`]));
    },
  };
}

function uniqueName(hint = 'js') {
  return `${hint}-${crypto.randomUUID()}`;
}

/** What one reads in the documentation as the text of an error, in both generations. */
function textOf(error) {
  return error.Error?.Message ?? error.message;
}

/** Asks `probe` again and again until its answer is truthy. */
async function eventually(probe, what) {
  const deadline = Date.now() + 15000;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

module.exports = {
  endpoint, eventually, expect, scenario, settings, textOf, uniqueName,
};

<?php
// What every test here shares: connections, unique names, cleaning up, waiting.

declare(strict_types=1);

require_once 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPExceptionInterface;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;
use PHPUnit\Framework\TestCase;

abstract class Scenario extends TestCase
{
    protected const PATIENCE = 8;

    protected AMQPStreamConnection $connection;
    protected AMQPChannel $channel;
    /** @var AMQPStreamConnection[] */
    private array $connections = [];
    /** @var string[] */
    private array $names = [];

    protected function setUp(): void
    {
        $this->connection = $this->connect();
        $this->channel = $this->connection->channel();
    }

    protected function tearDown(): void
    {
        foreach ($this->connections as $open) {
            try {
                $open->close();
            } catch (\Exception $alreadyClosed) {
                // The broker closed it, as the test wanted.
            }
        }
        if ($this->names === []) {
            return;
        }
        $cleaner = self::open();
        $remover = $cleaner->channel();
        foreach ($this->names as $name) {
            $remover->queue_delete($name);
            $remover->exchange_delete($name);
        }
        $cleaner->close();
    }

    /** Whether this is RabbitMQ 3, a few of whose answers differ from RabbitMQ 4 and PolyMQ. */
    protected static function onRabbitMq3(): bool
    {
        return getenv('BROKER') === 'rabbitmq';
    }

    private static function open(mixed ...$options): AMQPStreamConnection
    {
        $options += [
            'host' => getenv('AMQP_HOST'), 'port' => getenv('AMQP_PORT'),
            'user' => 'guest', 'password' => 'guest', 'read_write_timeout' => 20.0,
            'channel_rpc_timeout' => (float) self::PATIENCE,
        ];
        return new AMQPStreamConnection(...$options);
    }

    protected function connect(mixed ...$options): AMQPStreamConnection
    {
        return $this->connections[] = self::open(...$options);
    }

    protected function unique(string $hint): string
    {
        return $this->names[] = "php-$hint-" . bin2hex(random_bytes(8));
    }

    /** Declares a durable queue of a unique name. */
    protected function queue(string $hint = 'queue', array $arguments = []): string
    {
        $name = $this->unique($hint);
        $this->channel->queue_declare(
            $name, durable: true, auto_delete: false, arguments: new AMQPTable($arguments));
        return $name;
    }

    /** Declares a durable exchange of a unique name. */
    protected function exchange(string $type, array $arguments = []): string
    {
        $name = $this->unique($type);
        $this->channel->exchange_declare(
            $name, $type, durable: true, auto_delete: false, arguments: new AMQPTable($arguments));
        return $name;
    }

    protected function bound(string $exchange, string ...$keys): string
    {
        $queue = $this->queue('bound');
        foreach ($keys as $key) {
            $this->channel->queue_bind($queue, $exchange, $key);
        }
        return $queue;
    }

    protected function publish(
        string $exchange,
        string $key,
        string $body,
        array $properties = [],
        bool $mandatory = false
    ): void {
        if (isset($properties['application_headers'])) {
            $properties['application_headers'] = new AMQPTable($properties['application_headers']);
        }
        $this->channel->basic_publish(new AMQPMessage($body, $properties), $exchange, $key, $mandatory);
    }

    protected function get(string $queue): AMQPMessage
    {
        $message = $this->channel->basic_get($queue);
        self::assertNotNull($message, "$queue is empty");
        return $message;
    }

    /** One message that may take a moment to arrive. */
    protected function getSoon(string $queue): AMQPMessage
    {
        return $this->eventually(fn () => $this->channel->basic_get($queue, true));
    }

    /** @return string[] */
    protected function bodies(string $queue): array
    {
        $bodies = [];
        while ($message = $this->channel->basic_get($queue, true)) {
            $bodies[] = $message->getBody();
        }
        return $bodies;
    }

    protected static function headers(AMQPMessage $message): array
    {
        return $message->has('application_headers')
            ? $message->get('application_headers')->getNativeData() : [];
    }

    protected function eventually(callable $probe): mixed
    {
        for ($deadline = microtime(true) + self::PATIENCE; microtime(true) < $deadline; usleep(5000)) {
            if ($answer = $probe()) {
                return $answer;
            }
        }
        self::fail('timed out');
    }

    /** Starts a consumer that acknowledges and collects its deliveries. */
    protected function collect(AMQPChannel $channel, string $queue, array $arguments = []): ArrayObject
    {
        $arrived = new ArrayObject();
        $channel->basic_consume(
            $queue, no_ack: false, callback: fn ($message) => $arrived->append($message),
            arguments: new AMQPTable($arguments));
        return $arrived;
    }

    /** Waits until `$arrived` holds `$count` messages and hands them out. */
    protected function take(AMQPChannel $channel, ArrayObject $arrived, int $count): array
    {
        while (count($arrived) < $count) {
            $channel->wait(null, false, self::PATIENCE);
        }
        return $arrived->exchangeArray([]);
    }

    /** Checks after a round trip on the channel that nothing has come. */
    protected function expectNothing(AMQPChannel $channel, ArrayObject $arrived): void
    {
        $channel->exchange_declare('amq.direct', 'direct', passive: true);
        try {
            $channel->wait(null, false, 0.02);
        } catch (\PhpAmqpLib\Exception\AMQPTimeoutException $nothingCame) {
            // As it should be.
        }
        self::assertCount(0, $arrived);
    }

    /** Runs what the broker must refuse; checks code and text of the refusal. */
    protected function expectRefusal(int $code, string $text, callable $action): void
    {
        try {
            $action();
        } catch (AMQPExceptionInterface $refusal) {
            self::assertStringContainsString($text, $refusal->getMessage());
            self::assertSame($code, $refusal->getCode());
            return;
        }
        self::fail("not refused: expected $code $text");
    }

    /** For methods without an answer: the broker must close the channel for this reason. */
    protected function expectClose(int $code, string $text, callable $action): void
    {
        $channel = $this->connection->channel();
        $this->expectRefusal($code, $text, function () use ($channel, $action) {
            $action($channel);
            $channel->wait(null, false, self::PATIENCE);
        });
    }
}

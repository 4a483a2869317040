<?php
// Connections and channels: handshake, refusals, heartbeats, closing, errors, reconnecting.

declare(strict_types=1);

use PhpAmqpLib\Exception\AMQPExceptionInterface;
use PhpAmqpLib\Message\AMQPMessage;

final class ConnectionTest extends Scenario
{
    public function testTheServerIntroducesItself(): void
    {
        $properties = $this->connection->getServerProperties();
        self::assertNotEmpty($properties['product'][1]);
        self::assertMatchesRegularExpression('/^\d+\.\d+\.\d+/', $properties['version'][1]);
        $capabilities = $properties['capabilities'][1];
        foreach (['publisher_confirms', 'exchange_exchange_bindings', 'basic.nack',
            'consumer_cancel_notify', 'connection.blocked', 'consumer_priorities',
            'authentication_failure_close', 'per_consumer_qos', 'direct_reply_to'] as $name) {
            self::assertSame(1, $capabilities[$name][1], $name);
        }
    }

    public function testPlainAndAmqplainLogIn(): void
    {
        foreach (['PLAIN', 'AMQPLAIN'] as $mechanism) {
            $connection = $this->connect(login_method: $mechanism);
            self::assertTrue($connection->channel()->is_open());
        }
    }

    public function testAWrongPasswordIsRefused(): void
    {
        $this->expectRefusal(403, 'ACCESS_REFUSED - Login was refused using authentication mechanism',
            fn () => $this->connect(password: 'wrong'));
    }

    public function testAnUnknownVirtualHostIsRefused(): void
    {
        $this->expectRefusal(530, 'NOT_ALLOWED - vhost no-such-vhost not found',
            fn () => $this->connect(vhost: 'no-such-vhost'));
    }

    public function testHeartbeatsKeepAConnectionAlive(): void
    {
        $connection = $this->connect(heartbeat: 1);
        self::assertSame(1, $connection->getHeartbeat());
        for ($i = 0; $i < 7; $i++) {
            usleep(400000);
            $connection->checkHeartBeat();
        }
        self::assertTrue($connection->channel()->is_open());
    }

    public function testASilentClientIsDropped(): void
    {
        $connection = $this->connect(heartbeat: 1);
        usleep(3800000);
        $this->expectException(AMQPExceptionInterface::class);
        for ($i = 0; $i < 3; $i++) {
            $connection->channel();
        }
    }

    public function testAChannelErrorSparesTheConnection(): void
    {
        $missing = $this->unique('missing');
        $other = $this->connection->channel();
        $this->expectRefusal(404, "NOT_FOUND - no queue '$missing' in vhost '/'",
            fn () => $this->channel->queue_declare($missing, passive: true));
        self::assertFalse($this->channel->is_open());
        $other->exchange_declare('amq.direct', 'direct', passive: true);
        self::assertTrue($this->connection->channel()->is_open());
    }

    public function testAConnectionErrorNamesItsMethod(): void
    {
        $connection = $this->connect();
        $channel = $connection->channel();
        $this->expectRefusal(540, 'NOT_IMPLEMENTED - immediate=true(60, 40)', function () use ($channel) {
            $channel->basic_publish(new AMQPMessage('x'), '', 'nowhere', false, true);
            $channel->wait(null, false, self::PATIENCE);
        });
        self::assertFalse($connection->isConnected());
    }

    public function testExclusiveQueuesAreGoneWhenTheConnectionClosed(): void
    {
        $owner = $this->connect();
        $queue = $this->unique('exclusive');
        $owner->channel()->queue_declare($queue, exclusive: true, auto_delete: false);
        $this->expectRefusal(405, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '$queue'",
            fn () => $this->connection->channel()->queue_declare($queue, passive: true));
        $owner->close();
        $this->expectRefusal(404, 'no queue',
            fn () => $this->channel->queue_declare($queue, passive: true));
    }

    public function testClosingAChannelRequeuesItsMessages(): void
    {
        $queue = $this->queue('unacked');
        $this->publish('', $queue, 'mine');
        $this->get($queue);
        $this->channel->close();
        $this->channel = $this->connection->channel();
        $again = $this->getSoon($queue);
        self::assertTrue($again->isRedelivered());
        self::assertSame('mine', $again->getBody());
    }

    public function testBlockedHandlersAreRegisteredAndSilent(): void
    {
        $calls = [];
        $this->connection->set_connection_block_handler(function () use (&$calls) {
            $calls[] = 'blocked';
        });
        $this->connection->set_connection_unblock_handler(function () use (&$calls) {
            $calls[] = 'unblocked';
        });
        $queue = $this->queue('unblocked');
        $this->publish('', $queue, 'x');
        $this->get($queue);
        self::assertSame([], $calls);
        self::assertFalse($this->connection->isBlocked());
    }

    public function testReconnectingStartsAfresh(): void
    {
        $connection = $this->connect();
        $temporary = $connection->channel()->queue_declare('', exclusive: true)[0];
        $connection->reconnect();
        $this->expectRefusal(404, 'no queue',
            fn () => $connection->channel()->queue_declare($temporary, passive: true));
        self::assertTrue($connection->isConnected());
    }

    public function testChannelFlowIsAnswered(): void
    {
        $this->channel->flow(true);
        self::assertTrue($this->channel->is_open());
    }
}

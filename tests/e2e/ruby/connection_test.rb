# Connections and channels: handshake, refusals, heartbeats, closing, errors, recovery.
# frozen_string_literal: true

require "scenario"

class ConnectionTest < Scenario
  def test_the_server_introduces_itself
    refute_empty connection.server_properties["product"]
    assert_match(/\A\d+\.\d+\.\d+/, connection.server_properties["version"])
    %w[publisher_confirms exchange_exchange_bindings basic.nack consumer_cancel_notify
       connection.blocked consumer_priorities authentication_failure_close per_consumer_qos
       direct_reply_to].each do |capability|
      assert_equal true, connection.server_capabilities[capability], capability
    end
    assert_includes connection.server_authentication_mechanisms, "PLAIN"
  end

  def test_a_wrong_password_is_refused
    assert_raises(Bunny::AuthenticationFailureError) { connect(password: "wrong") }
  end

  def test_an_unknown_virtual_host_is_refused
    assert_refused(Bunny::NotAllowedError, "vhost no-such-vhost not found") do
      connect(vhost: "no-such-vhost")
    end
  end

  def test_tuning_takes_the_clients_wishes
    tuned = connect(frame_max: 8192, channel_max: 7, heartbeat: 9)
    assert_equal [8192, 7, 9], [tuned.frame_max, tuned.channel_max, tuned.heartbeat]
    own = tuned.create_channel
    small_frames = own.temporary_queue
    own.default_exchange.publish("x" * 30_000, routing_key: small_frames.name)
    assert_equal 30_000, small_frames.pop[2].bytesize
  end

  def test_heartbeats_keep_an_idle_connection_alive
    idle = connect(heartbeat: 1)
    sleep 3
    assert idle.open?
    idle.create_channel.temporary_queue
  end

  def test_a_channel_error_spares_the_connection
    missing = unique("missing")
    assert_refused(Bunny::NotFound, "NOT_FOUND - no queue '#{missing}' in vhost '/'") do
      channel.queue(missing, passive: true)
    end
    assert channel.closed?
    assert connection.open?
    connection.create_channel.temporary_queue
    refute connection.queue_exists?(missing)
    assert connection.exchange_exists?("amq.fanout")
  end

  def test_a_connection_error_is_told
    errors = ErrorBox.new
    # Bunny tells connection errors to the handler; the call itself only times out.
    doomed = connect(session_error_handler: errors, continuation_timeout: 300)
    own = doomed.create_channel
    used = own.temporary_queue
    own.basic_consume(used.name, "mine")
    assert_raises(Timeout::Error) { own.basic_consume(used.name, "mine") }
    assert_includes errors.next.message, "attempt to reuse consumer tag 'mine'"
    eventually("the connection to close") { !doomed.open? }
  end

  def test_exclusive_queues_are_gone_when_the_connection_closed
    owner = connect
    locked = owner.create_channel.queue(unique("exclusive"), exclusive: true)
    assert_refused(Bunny::ResourceLocked, "RESOURCE_LOCKED - cannot obtain exclusive access") do
      connection.create_channel.queue(locked.name, passive: true)
    end
    owner.close
    refute connection.queue_exists?(locked.name)
  end

  def test_closing_a_channel_requeues_its_messages
    unacked = queue("unacked")
    unacked.publish("mine")
    other = connection.create_channel
    assert_equal "mine", other.basic_get(unacked.name, manual_ack: true)[2]
    other.close
    info, _, body = pop_soon(unacked)
    assert_equal [true, "mine"], [info.redelivered?, body]
  end

  def test_blocked_callbacks_are_registered_and_silent
    calls = Queue.new
    connection.on_blocked { |blocked| calls << blocked.reason }
    connection.on_unblocked { calls << :unblocked }
    used = queue("unblocked")
    used.publish("x")
    assert_equal "x", used.pop[2]
    assert calls.empty?
    refute connection.blocked?
  end

  def test_a_secret_can_be_updated
    connection.update_secret("guest", "rotation")
    channel.temporary_queue
  end

  def test_channel_flow_is_answered
    assert channel.flow(true).active
  end

  def test_a_recovering_connection_restores_its_topology
    relay = Relay.new
    recovered = Queue.new
    recovering = connect(host: "127.0.0.1", port: relay.port, automatically_recover: true,
                         network_recovery_interval: 0.05,
                         recovery_completed: -> { recovered << true })
    own = recovering.create_channel
    fanout = exchange(:fanout)
    temporary = own.queue("", exclusive: true).bind(fanout.name)
    inbox = Inbox.new(temporary, manual_ack: false)
    fanout.publish("before")
    assert_equal "before", inbox.next_body
    relay.cut
    Timeout.timeout(PATIENCE) { recovered.pop }
    fanout.publish("after")
    assert_equal "after", inbox.next_body
  ensure
    recovering&.close
    relay&.stop
  end
end

# Queues, exchanges and bindings: declaring, conflicts, lifetimes, and where messages go.
# frozen_string_literal: true

require "scenario"

class TopologyTest < Scenario
  def test_the_server_names_a_queue
    assert_match(/\Aamq\.gen-[\w-]{22}\z/, channel.queue("", exclusive: true).name)
  end

  def test_other_properties_are_refused
    declared = queue("conflict")
    assert_refused(Bunny::PreconditionFailed, "inequivalent arg 'durable' for queue " \
      "'#{declared.name}' in vhost '/': received 'false' but current is 'true'") do
      connection.create_channel.queue(declared.name, durable: false)
    end
    direct = exchange(:direct)
    assert_refused(Bunny::PreconditionFailed, "inequivalent arg 'type' for exchange " \
      "'#{direct.name}' in vhost '/': received 'topic' but current is 'direct'") do
      connection.create_channel.topic(direct.name, durable: true)
    end
  end

  def test_other_arguments_are_refused
    declared = queue("conflict", x_max_length: 5)
    assert_refused(Bunny::PreconditionFailed, "inequivalent arg 'x-max-length' for queue " \
      "'#{declared.name}' in vhost '/': received none but current is the value '5' of type 'long'") do
      connection.create_channel.queue(declared.name, durable: true)
    end
  end

  def test_invalid_arguments_are_refused
    { "x-message-ttl" => -1, "x-expires" => 0, "x-max-length" => "ten", "x-overflow" => "explode",
      "x-max-priority" => 256, "x-dead-letter-routing-key" => "alone" }.each do |argument, value|
      assert_refused(Bunny::PreconditionFailed, "invalid arg '#{argument}' for queue '") do
        connection.create_channel.queue(unique("invalid"), arguments: { argument => value })
      end
    end
  end

  def test_reserved_names_are_refused
    assert_refused(Bunny::AccessRefused, "queue name 'amq.mine' contains reserved prefix 'amq.*'") do
      connection.create_channel.queue_declare("amq.mine")
    end
    assert_refused(Bunny::AccessRefused, "ACCESS_REFUSED") do
      connection.create_channel.exchange_delete("amq.direct")
    end
    assert_refused(Bunny::AccessRefused, "operation not permitted on the default exchange") do
      connection.create_channel.queue_bind(queue.name, "", routing_key: "k")
    end
  end

  def test_passive_declares_only_look
    there = queue("there")
    there.publish("x")
    eventually("one message") { channel.queue_declare(there.name, passive: true).message_count == 1 }
    missing = unique("missing")
    assert_refused(Bunny::NotFound, "NOT_FOUND - no exchange '#{missing}' in vhost '/'") do
      channel.exchange_declare(missing, "direct", passive: true)
    end
  end

  def test_auto_delete_follows_the_last_user
    going = channel.queue(unique("auto"), auto_delete: true)
    fanout = channel.fanout(unique("auto"), auto_delete: true)
    going.bind(fanout)
    going.subscribe { |*| nil }.cancel
    refute connection.queue_exists?(going.name)
    refute connection.exchange_exists?(fanout.name)
  end

  def test_unused_queues_expire
    expiring = queue("expires", x_expires: 50)
    sleep 0.3
    refute connection.queue_exists?(expiring.name)
  end

  def test_deleting_honours_its_conditions
    kept = queue("delete")
    kept.publish("x")
    eventually("the message to count") { kept.message_count == 1 }
    assert_refused(Bunny::PreconditionFailed, "queue '#{kept.name}' in vhost '/' not empty") do
      connection.create_channel.queue_delete(kept.name, if_empty: true)
    end
    other = connection.create_channel
    other.queue(kept.name, durable: true).subscribe(manual_ack: true) { |*| nil }
    assert_refused(Bunny::PreconditionFailed, "queue '#{kept.name}' in vhost '/' in use") do
      connection.create_channel.queue_delete(kept.name, if_unused: true)
    end
    other.close
    assert_equal 1, channel.queue_delete(kept.name).message_count
    assert_equal 0, channel.queue_delete(kept.name).message_count
  end

  def test_purging_reports_what_it_dropped
    purged = queue("purge")
    3.times { purged.publish("x") }
    assert_equal "x", purged.pop(manual_ack: true)[2]
    assert_equal 2, channel.queue_purge(purged.name).message_count
    assert_empty bodies(purged)
  end

  def test_an_unknown_exchange_type_is_refused
    odd = unique("odd")
    if ON_RABBITMQ_3
      errors = ErrorBox.new
      doomed = connect(session_error_handler: errors, continuation_timeout: 300).create_channel
      assert_raises(Timeout::Error) { doomed.exchange_declare(odd, "odd") }
      error = errors.next
      assert_kind_of Bunny::CommandInvalid, error
    else
      error = assert_raises(Bunny::PreconditionFailed) { channel.exchange_declare(odd, "odd") }
    end
    assert_includes error.message, "unknown exchange type 'odd'"
  end

  def test_direct_and_fanout_exchanges_route
    direct = exchange(:direct)
    red = bound(direct, "red")
    both = bound(direct, "red", "blue")
    %w[red blue green].each { |key| direct.publish(key, routing_key: key) }
    assert_equal %w[red], bodies(red)
    assert_equal %w[red blue], bodies(both)
    fanout = exchange(:fanout)
    copies = [bound(fanout, ""), bound(fanout, "a", "b")]
    fanout.publish("news", routing_key: "ignored")
    copies.each { |copy| assert_equal %w[news], bodies(copy) }
  end

  def test_topic_exchanges_know_their_wildcards
    topic = exchange(:topic)
    star = bound(topic, "*.error")
    hash = bound(topic, "app.#", "app.db")
    %w[app.error error app app.db app.db.slow].each { |key| topic.publish(key, routing_key: key) }
    assert_equal %w[app.error], bodies(star)
    assert_equal %w[app.error app app.db app.db.slow], bodies(hash)
  end

  def test_headers_exchanges_match_all_or_any
    headers = exchange(:headers)
    all = queue("all").bind(headers, arguments: { "x-match" => "all", "os" => "linux", "cores" => 8 })
    any = queue("any").bind(headers, arguments: { "x-match" => "any", "os" => "linux", "cores" => 8 })
    headers.publish("both", headers: { "os" => "linux", "cores" => 8, "ram" => 64 })
    headers.publish("one", headers: { "os" => "osx", "cores" => 8 })
    headers.publish("none", headers: { "os" => "Linux", "cores" => "8" })
    assert_equal %w[both], bodies(all)
    assert_equal %w[both one], bodies(any)
  end

  def test_exchanges_bind_to_exchanges
    source = exchange(:topic)
    target = exchange(:fanout)
    target.bind(source, routing_key: "eu.#")
    arrived = bound(target, "")
    source.publish("in", routing_key: "eu.de")
    source.publish("out", routing_key: "us.ny")
    assert_equal %w[in], bodies(arrived)
    target.unbind(source, routing_key: "eu.#")
    source.publish("unbound", routing_key: "eu.de")
    assert_empty bodies(arrived)
  end

  def test_an_alternate_exchange_takes_the_unroutable
    alternate = exchange(:fanout)
    main = exchange(:direct, alternate_exchange: alternate.name)
    known = bound(main, "known")
    rest = bound(alternate, "")
    main.publish("k", routing_key: "known")
    main.publish("u", routing_key: "unknown")
    assert_equal [%w[k], %w[u]], [bodies(known), bodies(rest)]
  end

  def test_unbinding_ends_the_flow
    fanout = exchange(:fanout)
    bound_twice = bound(fanout, "", "")
    fanout.publish("once")
    bound_twice.unbind(fanout, routing_key: "")
    bound_twice.unbind(fanout, routing_key: "")
    fanout.publish("never")
    assert_equal %w[once], bodies(bound_twice)
  end
end

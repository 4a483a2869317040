# Messages: properties, headers, sizes, confirms, returns, settling, dead letters, replies.
# frozen_string_literal: true

require "bigdecimal"
require "scenario"

class MessagesTest < Scenario
  def test_properties_survive
    used = queue("properties")
    sent = { content_type: "text/plain", content_encoding: "utf-8", delivery_mode: 2, priority: 3,
             correlation_id: "c", reply_to: "r", expiration: "60000", message_id: "m",
             timestamp: 1_700_000_000, type: "t", user_id: "guest", app_id: "a" }
    used.publish("body", **sent)
    info, properties, body = used.pop
    got = properties.to_h.slice(*sent.keys)
    got[:timestamp] = got[:timestamp].to_i
    assert_equal sent, got
    assert_equal ["body", "", used.name], [body, info.exchange, info.routing_key]
  end

  def test_headers_of_every_type_survive
    used = queue("headers")
    sent = { "int" => -5, "long" => 2**40, "double" => 3.25, "yes" => true, "no" => false,
             "nothing" => nil, "text" => "grüße", "time" => Time.at(1_700_000_000),
             "list" => [1, "two", nil, [3]], "table" => { "nested" => { "deeper" => "yes" } },
             "decimal" => BigDecimal("1234"), "empty" => {} }
    used.publish("x", headers: sent)
    got = used.pop[1].headers
    got["text"] = got["text"].dup.force_encoding("utf-8")
    assert_equal sent, got
  end

  def test_bodies_of_many_sizes_survive
    used = queue("sizes")
    limit = connection.frame_max - 8
    [0, 1, limit, limit + 1, 3 * limit, 4 << 20].each do |size|
      body = Random.bytes(size)
      used.publish(body)
      assert_equal body, used.pop[2].b, "#{size} octets"
    end
  end

  def test_everything_is_confirmed
    used = queue("confirms")
    tags = []
    channel.confirm_select(->(tag, _multiple, nack) { tags << [tag, nack] })
    100.times { |i| channel.default_exchange.publish("x", routing_key: i.odd? ? used.name : "nowhere") }
    assert channel.wait_for_confirms
    # Bunny may name a tag again when a later confirm covers several.
    assert_equal (1..100).map { |tag| [tag, false] }, tags.uniq.sort_by(&:first)
    assert_equal 50, used.message_count
  end

  def test_a_rejecting_queue_nacks
    full = queue("full", x_max_length: 1, x_overflow: "reject-publish")
    channel.confirm_select
    full.publish("fits")
    assert channel.wait_for_confirms
    full.publish("does not")
    refute channel.wait_for_confirms
    assert_equal [2], channel.nacked_set.to_a
    assert_equal %w[fits], bodies(full)
  end

  def test_an_unroutable_mandatory_message_comes_back
    returned = Queue.new
    direct = exchange(:direct)
    direct.on_return { |*message| returned << message }
    direct.publish("dropped", routing_key: "nowhere")
    direct.publish("back", routing_key: "nowhere", mandatory: true, message_id: "m")
    info, properties, body = Timeout.timeout(PATIENCE) { returned.pop }
    assert_equal [312, "NO_ROUTE", direct.name, "nowhere"],
                 [info.reply_code, info.reply_text, info.exchange, info.routing_key]
    assert_equal %w[m back], [properties.message_id, body]
  end

  def test_refused_publishes_close_the_channel
    used = queue("refused")
    missing = unique("missing")
    assert_closes(own = connection.create_channel, "NOT_FOUND - no exchange '#{missing}' in vhost '/'") do
      own.basic_publish("x", missing, "k")
    end
    assert_closes(own = connection.create_channel, "invalid expiration 'soon'") do
      own.basic_publish("x", "", used.name, expiration: "soon")
    end
    assert_closes(own = connection.create_channel, "user_id property set to 'mallory'") do
      own.basic_publish("x", "", used.name, user_id: "mallory")
    end
    assert_empty bodies(used)
  end

  def test_copies_go_to_cc_and_bcc
    to, cc, bcc = Array.new(3) { queue }
    to.publish("copy", headers: { "CC" => [cc.name], "BCC" => [bcc.name] })
    [to, cc, bcc].each do |target|
      _, properties, body = target.pop
      assert_equal ["copy", { "CC" => [cc.name] }], [body, properties.headers]
    end
  end

  def test_transactions_commit_and_roll_back
    used = queue("tx")
    tx = connection.create_channel
    tx.tx_select
    tx.basic_publish("undone", "", used.name)
    tx.tx_rollback
    tx.basic_publish("done", "", used.name)
    assert_empty bodies(used)
    tx.tx_commit
    assert_equal %w[done], bodies(used)
    assert_refused(Bunny::PreconditionFailed, "cannot switch from tx to confirm mode") do
      tx.confirm_select
    end
  end

  def test_replies_come_directly
    requests = queue("requests")
    serve_upper_case(requests.name)
    replies = Queue.new
    channel.basic_consume("amq.rabbitmq.reply-to", "replies", true) { |*message| replies << message }
    requests.publish("hello", reply_to: "amq.rabbitmq.reply-to", correlation_id: "c")
    _, properties, body = Timeout.timeout(PATIENCE) { replies.pop }
    assert_equal %w[HELLO c], [body, properties.correlation_id]
  end

  def test_replies_come_through_a_temporary_queue
    requests = queue("requests")
    serve_upper_case(requests.name)
    own = channel.queue("", exclusive: true)
    inbox = Inbox.new(own, manual_ack: false)
    requests.publish("hello", reply_to: own.name, correlation_id: "c")
    _, properties, body = inbox.next
    assert_equal %w[HELLO c], [body, properties.correlation_id]
  end

  def serve_upper_case(queue_name)
    service = connect.create_channel
    service.queue(queue_name, durable: true).subscribe do |_, properties, body|
      service.default_exchange.publish(body.upcase, routing_key: properties.reply_to,
                                                    correlation_id: properties.correlation_id)
    end
  end
end

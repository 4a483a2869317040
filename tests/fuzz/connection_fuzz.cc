// Clients that say anything to connections on an engine in memory: what comes back is well-formed
// and in order, nobody is kept waiting for good, and once they are gone nothing is left.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "amqp091/testing/broker_fixture.h"
#include "check.h"
#include "connection_script.h"

using namespace polymq;
using namespace polymq::amqp091;

namespace {

// --- what comes back ----------------------------------------------------------------------------

/// What may follow, by what was said before.
class Listener {
 public:
  void hear(const std::vector<Received>& all) {
    for (const Received& received : all) {
      if (received.channel == 0) {
        hear_on_connection(received.id);
      } else {
        hear_on_channel(received);
      }
    }
  }

 private:
  struct Channel {
    bool open = false;
    bool told_to_close = false;  // by the broker
    std::uint64_t delivery_tag = 0;
  };

  void hear_on_connection(MethodId id) {
    if (id == method::ConnectionCloseOk::kId) {
      closing_ = true;
      return;
    }
    FUZZ_CHECK(!closing_);
    closing_ = id == method::ConnectionClose::kId;
  }

  void hear_on_channel(const Received& received) {
    FUZZ_CHECK(!closing_);
    Channel& channel = channels_[received.channel];
    if (received.id == method::ChannelOpenOk::kId) {
      FUZZ_CHECK(!channel.open);
      channel = {.open = true};
    } else if (received.id == method::ChannelClose::kId) {
      FUZZ_CHECK(channel.open);
      channel = {.told_to_close = true};
    } else if (received.id == method::ChannelCloseOk::kId) {
      FUZZ_CHECK(channel.open || channel.told_to_close);
      channel = {};
    } else {
      FUZZ_CHECK(channel.open);
    }
    if (received.id == method::BasicDeliver::kId) {
      hear_delivery<method::BasicDeliver>(received.arguments, channel);
    } else if (received.id == method::BasicGetOk::kId) {
      hear_delivery<method::BasicGetOk>(received.arguments, channel);
    }
  }

  template <class M>
  static void hear_delivery(std::string_view arguments, Channel& channel) {
    M delivery;
    FUZZ_CHECK(decode(arguments, delivery) == DecodeStatus::kOk);
    FUZZ_CHECK(delivery.delivery_tag == ++channel.delivery_tag);
  }

  bool closing_ = false;
  std::map<std::uint16_t, Channel> channels_;
};

// --- the run ------------------------------------------------------------------------------------

engine::ClusterOptions options_for(bool little_memory) {
  engine::ClusterOptions options;
  if (little_memory) options.memory_limit = 50'000;
  return options;
}

class Run {
 public:
  explicit Run(std::uint8_t how) : broker_(2, options_for((how & 4) != 0)), how_(how) {
    broker_.settings.output_buffer_limit = 20'000;
    broker_.settings.max_message_size = 70'000;
    connect(0);
    connect(1);
  }
  ~Run() {
    for (engine::ShardIndex i = 0; i < broker_.cluster.size(); ++i) {
      broker_.cluster.store(i).held = false;
    }
    broker_.cluster.release();
    for (Peer& peer : peers_) {
      peer.client->reads = true;
      peer.client->output_ready();
    }
    run();
    // With nothing in the way nobody is kept waiting.
    for (Peer& peer : peers_) {
      Connection& connection = peer.client->connection();
      FUZZ_CHECK(peer.client->closed() || connection.blocked() || connection.wants_input());
    }
  }

  /// One client's bytes as they are, in pieces of any size.
  void say_anything(Script& script) {
    const std::size_t piece = script.octet() + std::size_t{1};
    while (!script.empty()) {
      peers_[0].client->arrive(script.octets(piece));
      if (piece % 2 == 0) run();
    }
    run();
  }

  void act(Script& script) {
    const std::uint8_t what = script.octet();
    Peer& peer = peers_[what >> 7];
    switch (what & 15) {
      case 0:
        broker_.pass(std::chrono::milliseconds(script.octet() * 16));
        break;
      case 1:
        return flow(script, *peer.client);
      case 2:
        peer.unsent += any_frames(script);
        return arrive(peer, script.octet());
      case 3:
        return obstruct(script);
      case 4:
        return leave(script, what >> 7);
      default:
        for (int more = what >> 4 & 3; more >= 0; --more) peer.unsent += any_frames(script);
        if ((what & 0x40) == 0) arrive(peer, SIZE_MAX);
    }
    run();
  }

 private:
  struct Peer {
    std::unique_ptr<TestClient> client;
    Listener listener;
    std::string unsent;
  };

  void connect(std::size_t which) {
    Peer& peer = peers_[which];
    peer = {};
    peer.client = std::make_unique<TestClient>(broker_, which);
    if ((how_ & 3) == 0) return;
    Login login{.channel_max = 3, .frame_max = 4096};
    login.heartbeat = (how_ & 8) != 0 ? 1 : 0;
    if ((how_ & 16) != 0) login.capabilities.clear();
    peer.client->log_in(login);
    if ((how_ & 3) == 1) return;
    peer.client->open();
    peer.listener.hear(peer.client->last);
    // A queue on each shard.
    peer.client->call(method::QueueDeclare{.queue = kQueues[which]});
    peer.listener.hear(peer.client->last);
  }

  static void arrive(Peer& peer, std::size_t most) {
    const std::size_t size = std::min(most, peer.unsent.size());
    peer.client->arrive(std::string_view(peer.unsent).substr(0, size));
    peer.unsent.erase(0, size);
  }

  void flow(Script& script, TestClient& client) {
    const std::uint8_t how = script.octet();
    client.reads = (how & 1) != 0;
    client.octets_a_write = (how & 2) != 0 ? how + 1u : SIZE_MAX;
    client.output_ready();
    if ((how & 4) != 0) run();
  }

  /// Mail between shards and stores that keep others waiting.
  void obstruct(Script& script) {
    const std::uint8_t how = script.octet();
    broker_.cluster.store(how & 1).held = (how & 2) != 0;
    if ((how & 4) != 0) broker_.cluster.hold(how & 1, 1 - (how & 1));
    if ((how & 8) != 0) broker_.cluster.release();
    run();
  }

  void leave(Script& script, std::size_t which) {
    Peer& peer = peers_[which];
    const std::uint8_t how = script.octet();
    if ((how & 1) != 0) {
      peer.client->connection().force_close("enough");
      return run();
    }
    peer.client->drop();
    hear(peer);
    if (peer.client->forgotten()) connect(which);
  }

  void run() {
    broker_.run();
    for (Peer& peer : peers_) hear(peer);
    if ((how_ & 64) == 0) return;
    for (std::size_t which = 0; which < peers_.size(); ++which) recover(which);
  }

  /// Answers the broker's close and begins anew, as good clients do.
  void recover(std::size_t which) {
    Peer& peer = peers_[which];
    bool over = false;
    for (const Received& received : peer.client->last) {
      over = over || received.id == method::ConnectionClose::kId;
      if (received.id != method::ChannelClose::kId) continue;
      peer.unsent += method_frame(received.channel, method::ChannelCloseOk{}) +
                     method_frame(received.channel, method::ChannelOpen{});
    }
    if (over) {
      peer.client->drop();
      hear(peer);
    }
    if (peer.client->closed() && peer.client->forgotten()) connect(which);
  }

  static void hear(Peer& peer) {
    peer.client->take();
    FUZZ_CHECK(peer.client->reader().error().empty());
    if (!peer.client->closed() && peer.client->connection().output().empty()) {
      FUZZ_CHECK(peer.client->reader().complete());
    }
    peer.listener.hear(peer.client->last);
  }

  Broker broker_;
  const std::uint8_t how_;
  std::array<Peer, 2> peers_;
};

}  // namespace

// The first octet: nobody, or both clients are logged in, with a channel and queues; then whether
// memory is short, heartbeats are wanted, notices are not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script script(data, size);
  const std::uint8_t how = script.octet();
  Run run(how);
  if ((how & 3) == 0 || (how & 32) != 0) {
    run.say_anything(script);
  } else {
    while (!script.empty()) run.act(script);
  }
  return 0;
}

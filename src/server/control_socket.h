// How a command reaches a running node: a Unix socket for the owner of its process only, in the
// data folder or, of a node in memory, where the configuration says.
//
// One request for a connection, a line; one answer, a line; then it is closed. Texts are UTF-8
// without line ends.
//
//   COMMAND ARGUMENT  something that the node can do: `backup TARGET` makes a copy of the data
//                     folder in TARGET, an absolute path; others are in policy_operations.h and
//                     queue_operations.h
//   ok TEXT           it is done; TEXT is for people, or what the command says
//   error TEXT        it is not, and why
//
// A client that leaves before its backup is made has changed its mind: what takes long is given up.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "server/config/config.h"

namespace polymq::server {

/// The path of the socket in a data folder.
std::string control_path(const std::string& folder);
/// Of a node with that configuration. Empty: it has none.
std::string control_path(const Config::Server& config);

/// Called once, on the loop's thread: the text behind `ok`, or why not.
using ControlAnswer = std::function<void(Result<std::string>)>;
/// Called on the loop's thread, and must not hold it up.
using ControlCommand = std::function<void(const std::string& argument, ControlAnswer answer)>;
/// By name.
using ControlCommands = std::map<std::string, ControlCommand, std::less<>>;
/// Called on a thread of its own; ends soon when `stop` becomes true.
using SlowCommand =
    std::function<Result<std::string>(const std::string& argument, const std::atomic<bool>& stop)>;
using SlowCommands = std::map<std::string, SlowCommand, std::less<>>;

/// Lives on one shard's loop. What takes long is done on another thread, one thing at a time.
class ControlSocket {
 public:
  ControlSocket(boost::asio::io_context& io, std::string path, SlowCommands slow,
                ControlCommands commands = {});
  /// Any thread, when the loop has ended; waits for what is under way.
  ~ControlSocket();

  /// The error names the socket and what is wrong.
  Result<void> open();
  /// What is under way is given up.
  void close();

 private:
  struct Client;
  void accept();
  void receive(const std::shared_ptr<Client>& client);
  void serve(const std::shared_ptr<Client>& client, const std::string& request);
  void serve_slowly(const std::shared_ptr<Client>& client, const SlowCommands::value_type& command,
                    const std::string& argument);
  static void answer(const std::shared_ptr<Client>& client, const Result<std::string>& done);

  boost::asio::io_context& io_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  const std::string path_;
  bool bound_ = false;
  const SlowCommands slow_;
  const ControlCommands commands_;
  std::shared_ptr<Client> served_;  // whose slow command is under way
  std::string serving_;             // its name
  std::atomic<bool> stop_{false};
  std::thread worker_;
};

/// Asks the node that listens at the path and waits for its answer, which may take long. Error: the
/// node's, or that it ended before it answered. Nothing: no node listens there.
Result<std::optional<std::string>> ask_node(const std::string& path, const std::string& request);

}  // namespace polymq::server

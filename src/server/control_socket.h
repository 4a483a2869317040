// How a command reaches the node that uses a data folder: a Unix socket in it, for the folder's
// owner only.
//
// One request for a connection, a line; one answer, a line; then it is closed. Texts are UTF-8
// without line ends.
//
//   backup TARGET     make a copy of the data folder in TARGET, an absolute path
//   ok TEXT           it is done; TEXT is for people
//   error TEXT        it is not, and why
//
// A client that leaves before the answer has changed its mind: what it asked for is given up.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"

namespace polymq::server {

/// The socket's name in the data folder.
inline constexpr char kControlName[] = "control";

/// Lives on one shard's loop. What is asked for is done on a thread of its own, one thing at a
/// time.
class ControlSocket {
 public:
  /// Makes a backup and tells of it in a line; ends soon when `stop` becomes true.
  using BackUp =
      std::function<Result<std::string>(const std::string& target, const std::atomic<bool>& stop)>;

  /// `folder`: locked by this process.
  ControlSocket(boost::asio::io_context& io, const std::string& folder, BackUp back_up);
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
  void answer(const std::shared_ptr<Client>& client, std::string line);

  boost::asio::io_context& io_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  const std::string path_;
  const BackUp back_up_;
  std::shared_ptr<Client> served_;  // whose request is under way
  std::atomic<bool> stop_{false};
  std::thread worker_;
};

/// Asks the node that uses the folder and waits for its answer, which may take long. Error: the
/// node's, or that it ended before it answered. Nothing: no node listens there.
Result<std::optional<std::string>> ask_node(const std::string& folder, const std::string& request);

}  // namespace polymq::server

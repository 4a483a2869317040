// Commands on a data folder: without a broker, but for one.
#include "cli/store_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/node.h"
#include "server/control_socket.h"
#include "storage/files.h"
#include "storage/folder_check.h"
#include "storage/folder_repair.h"
#include "storage/journal/dump.h"

namespace polymq::cli {
namespace {

void print_use(const storage::CheckedUse& use) {
  std::printf("on disk %lu live, %lu dead\n", use.live, use.dead);
}

void print_logs(const storage::CheckedFolder& found) {
  for (const storage::CheckedQueue& queue : found.queues) {
    std::printf("queue %lu '%s': %lu messages, %lu bytes", queue.id, queue.name.c_str(),
                queue.messages, queue.body_bytes);
    if (queue.seen_ids != 0) std::printf(", %lu ids seen", queue.seen_ids);
    std::fputs("; ", stdout);
    print_use(queue.use);
  }
  for (const storage::CheckedExchange& exchange : found.exchanges) {
    std::printf("exchange %lu '%s': %lu messages held, %lu ids seen, %lu messages of history",
                exchange.id, exchange.name.c_str(), exchange.held, exchange.seen_ids,
                exchange.history);
    std::fputs("; ", stdout);
    print_use(exchange.use);
  }
}

void print_total(const storage::journal::DiskUse& use) {
  std::printf(
      "segments have %lu bytes: %lu live, %lu reclaimable (%lu dead messages, %lu overhead and "
      "unused)\n",
      use.bytes, use.live, use.reclaimable(), use.dead, use.rest());
}

void print_uses(const char* kind, const nlohmann::json& uses) {
  for (const auto& use : uses) {
    std::printf("%s '%s' of vhost '%s': ", kind, use.at("name").get<std::string>().c_str(),
                use.at("vhost").get<std::string>().c_str());
    print_use({use.at("live").get<std::uint64_t>(), use.at("dead").get<std::uint64_t>()});
  }
}

int print(const storage::CheckedFolder& found) {
  print_logs(found);
  for (const std::string& damage : found.damages) std::printf("DAMAGED %s\n", damage.c_str());
  const storage::journal::DiskUse& use = found.use;
  print_total(use);
  std::printf("%zu queues, %lu messages, %lu segments, %zu damages\n", found.queues.size(),
              found.messages, use.segments, found.damages.size());
  return found.damages.empty() ? kOk : kFailure;
}

}  // namespace

int store_dump(const std::string& folder) {
  const auto files = storage::open_folder(folder + "/journal");
  const auto done = storage::journal::dump(
      *files, [](const std::string& line) { std::printf("%s\n", line.c_str()); });
  return done ? kOk : failed(done.error().text).code;
}

int store_check(const std::string& folder) {
  const auto found = storage::check_folder(folder);
  return found ? print(*found) : failed(found.error().text).code;
}

int store_usage(const std::string& folder) {
  const auto answer = server::ask_node(server::control_path(folder), "disk_use {}");
  if (!answer) return failed(answer.error().text).code;
  if (!*answer) {
    return failed("no node is running on " + folder + ": `polymq store check` tells it then").code;
  }
  const auto found = nlohmann::json::parse(**answer);
  print_uses("queue", found.at("queues"));
  print_uses("exchange", found.at("exchanges"));
  storage::journal::DiskUse total;
  total.bytes = found.at("bytes").get<std::uint64_t>();
  total.live = found.at("live").get<std::uint64_t>();
  total.dead = found.at("dead").get<std::uint64_t>();
  print_total(total);
  return kOk;
}

int store_repair(const std::string& folder) {
  const auto done = storage::repair_folder(folder);
  if (!done) return failed(done.error().text).code;
  for (const std::string& line : done->lost) std::printf("LOST %s\n", line.c_str());
  if (done->messages_lost != 0) std::printf("%lu messages are lost\n", done->messages_lost);
  for (const std::string& file : done->kept_aside) {
    std::printf("kept as it was: %s\n", file.c_str());
  }
  if (done->kept_aside.empty()) std::puts("nothing was damaged");
  return print(done->now);
}

}  // namespace polymq::cli

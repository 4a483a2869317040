// The handle's side of a request; the connection's is in connection.cc.
#include <utility>

#include "http/connection.h"
#include "http/service.h"

namespace polymq::http {

Exchange::Exchange(std::shared_ptr<Link> link, std::uint64_t number)
    : link_(std::move(link)), number_(number) {}

Exchange& Exchange::operator=(Exchange&& other) noexcept {
  if (this != &other) {
    drop();
    link_ = std::move(other.link_);
    number_ = other.number_;
  }
  return *this;
}

Exchange::~Exchange() { drop(); }

bool Exchange::waiting() const {
  return link_ && link_->connection != nullptr && link_->number == number_;
}

bool Exchange::waiting_now() const { return waiting() && !link_->connection->peer_closed(); }

const Peer& Exchange::peer() const { return link_->peer; }

void Exchange::answer(Response response) {
  const bool waits = waiting();
  const std::shared_ptr<Link> link = std::exchange(link_, nullptr);
  if (waits) link->connection->answer(std::move(response));
}

void Exchange::when_gone(std::function<void()> gone) {
  if (waiting()) return link_->connection->when_gone(std::move(gone));
  if (link_) gone();
}

void Exchange::drop() {
  if (waiting()) std::exchange(link_, nullptr)->connection->dropped();
}

}  // namespace polymq::http

// Unix sockets that servers leave behind when they are killed.
#pragma once

#include <string>

namespace polymq::server {

/// Removes the socket of that path if nobody listens on it any more. Anything else stays.
void remove_stale_socket(const std::string& path);

}  // namespace polymq::server

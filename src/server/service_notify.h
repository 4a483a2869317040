// Tells systemd how the service is doing.
#pragma once

#include <string_view>

namespace polymq::server {

/// Sends `state` ("READY=1", "STOPPING=1", "RELOADING=1", "STATUS=...") to the socket that the
/// variable NOTIFY_SOCKET names. Does nothing without that variable. False when it could not be
/// sent. Never blocks. Not to be called while another thread changes the environment.
bool notify_service(std::string_view state);

}  // namespace polymq::server

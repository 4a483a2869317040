// Requests of web pages whose site has made its name mean this machine (DNS rebinding).
#pragma once

#include <string_view>

#include "sqs/protocol/request_view.h"

namespace polymq::sqs {

/// Could a browser on this machine have sent that for such a page? Then Host is the page's own
/// name, and nothing else tells: of GET and HEAD browsers name no origin to what they take for the
/// page's own server, and headers are the page's to choose. Names that a site cannot have are
/// harmless: addresses, localhost and what is below it, names without a dot, and the one in
/// `public_url`.
bool may_be_rebound(const RequestView& request, std::string_view public_url);

}  // namespace polymq::sqs

// All methods of AMQP 0-9-1 (reference: the methods table), each declared once, as data.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "amqp091/method.h"
#include "amqp091/methods/basic.h"
#include "amqp091/methods/channel.h"
#include "amqp091/methods/connection.h"
#include "amqp091/methods/topology.h"

namespace polymq::amqp091::method {

/// Every method, in order of class and method id.
using All =
    std::tuple<ConnectionStart, ConnectionStartOk, ConnectionSecure, ConnectionSecureOk,
               ConnectionTune, ConnectionTuneOk, ConnectionOpen, ConnectionOpenOk, ConnectionClose,
               ConnectionCloseOk, ConnectionBlocked, ConnectionUnblocked, ConnectionUpdateSecret,
               ConnectionUpdateSecretOk, ChannelOpen, ChannelOpenOk, ChannelFlow, ChannelFlowOk,
               ChannelClose, ChannelCloseOk, AccessRequest, AccessRequestOk, ExchangeDeclare,
               ExchangeDeclareOk, ExchangeDelete, ExchangeDeleteOk, ExchangeBind, ExchangeBindOk,
               ExchangeUnbind, ExchangeUnbindOk, QueueDeclare, QueueDeclareOk, QueueBind,
               QueueBindOk, QueuePurge, QueuePurgeOk, QueueDelete, QueueDeleteOk, QueueUnbind,
               QueueUnbindOk, BasicQos, BasicQosOk, BasicConsume, BasicConsumeOk, BasicCancel,
               BasicCancelOk, BasicPublish, BasicReturn, BasicDeliver, BasicGet, BasicGetOk,
               BasicGetEmpty, BasicAck, BasicReject, BasicRecoverAsync, BasicRecover,
               BasicRecoverOk, BasicNack, ConfirmSelect, ConfirmSelectOk, TxSelect, TxSelectOk,
               TxCommit, TxCommitOk, TxRollback, TxRollbackOk>;

namespace detail {

template <Direction kWay, class... M>
auto only(std::tuple<M...>*) -> decltype(std::tuple_cat(
    std::declval<std::conditional_t<goes(M::kDirection, kWay), std::tuple<M>, std::tuple<>>>()...));

}  // namespace detail

/// What a server, respectively a client, may receive.
using ToServer = decltype(detail::only<Direction::kToServer>(static_cast<All*>(nullptr)));
using ToClient = decltype(detail::only<Direction::kToClient>(static_cast<All*>(nullptr)));

}  // namespace polymq::amqp091::method

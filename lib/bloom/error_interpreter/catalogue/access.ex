defmodule Bloom.ErrorInterpreter.Catalogue.Access do
  @moduledoc "Why a call of `Bloom.RPC` was not let in."

  use Bloom.ErrorInterpreter.Catalogue.Area, title: "Who may call"

  @impl true
  def entries do
    [
      unauthorized:
        {"this node asks for tokens and has no secret to check them with",
         "`require_authentication` is set and `shared_secret` is not, or is too short.",
         "Set `shared_secret`, 16 bytes at least."},
      token_missing:
        {"this node asks for a token, and the call has none", "`require_authentication` is set on the node.",
         "Make a token for the call, see [Security](security.md)."},
      token_invalid:
        {"the token does not fit this call: another secret, node, operation or other arguments",
         "It was not made with a secret of this node for this very call.",
         "Compare the secrets, and the name of the node that the token was made for with the one it has."},
      token_expired:
        {[
           "the token was made … s ago, and … s are allowed",
           "the token is … s ahead of this node's clock, and … s are allowed"
         ], "It is too old, or the clocks of caller and node are too far apart.",
         "Make a token for each call. Set the clocks by NTP, or raise `rpc_clock_skew_s`."},
      token_replayed:
        {"the token was used before", "A token is good once.",
         "Make a token for each call. If nobody did this by mistake, change the secret: somebody reads along."},
      address_not_allowed:
        {[
           "calls from … are not allowed",
           "the call comes from this node itself, which allowed_ips does not name",
           "the call comes from …, and allowed_ips is set"
         ], "`allowed_ips` does not hold the address that the connection comes from.",
         "Call from an address that it holds, or add this one, or `:local` for the node itself."},
      rate_limited:
        {"too many wrong tokens came from there, the next one is looked at in … s",
         "`rpc_max_failures` wrong tokens came from that address within `rpc_failure_window_s`.",
         "Wait so long, and find out in `Bloom.Metadata.get_audit/1` who sends wrong tokens."}
    ]
  end
end

defmodule Bloom.CLI.ExitCode do
  @moduledoc """
  How `bin/bloom` and the `mix bloom.*` tasks end.

  | code | meaning |
  | --- | --- |
  | 0 | done |
  | 1 | failed; nothing was changed, or it was taken back |
  | 2 | wrong usage |
  | 3 | no answer from the node |
  | 4 | a check or a requirement is not met: unhealthy, or no hot upgrade where one was required |
  | 5 | not allowed |
  | 6 | failed, and could not be taken back: somebody has to look at the node |
  | 130 | interrupted; what was begun goes on in the node |
  """

  @type meaning :: :done | :failed | :usage | :unreachable | :unmet | :refused | :stuck | :interrupted

  @codes %{done: 0, failed: 1, usage: 2, unreachable: 3, unmet: 4, refused: 5, stuck: 6, interrupted: 130}

  @of_errors %{
    usage: :usage,
    unreachable: :unreachable,
    restart_required: :unmet,
    audit_broken: :unmet,
    unauthorized: :refused,
    token_missing: :refused,
    token_invalid: :refused,
    token_expired: :refused,
    token_replayed: :refused,
    address_not_allowed: :refused,
    rate_limited: :refused,
    take_back_failed: :stuck,
    not_settled: :stuck
  }

  @doc """
  The number of a meaning.

      iex> Bloom.CLI.ExitCode.number(:unreachable)
      3
  """
  @spec number(meaning()) :: 0..255
  def number(meaning), do: Map.fetch!(@codes, meaning)

  @doc """
  What the code of an error means.

      iex> Bloom.CLI.ExitCode.of_error(:token_expired)
      :refused
      iex> Bloom.CLI.ExitCode.of_error(:no_such_release)
      :failed
  """
  @spec of_error(atom()) :: meaning()
  def of_error(code), do: Map.get(@of_errors, code, :failed)
end

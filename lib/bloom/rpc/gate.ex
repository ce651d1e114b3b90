defmodule Bloom.RPC.Gate do
  @moduledoc """
  Lets a call in or refuses it, and writes it to the audit log in either case.

  In this order: Bloom has to run, the address has to be allowed, it must not have sent too many wrong tokens, and where
  `require_authentication` is set the token has to be good and new.
  """

  alias Bloom.{Audit, Config, Deployment, Error, ErrorInterpreter, Telemetry}
  alias Bloom.RPC.{Addresses, Nonces, Operations, Origin, Redaction, Throttle, Token}

  @doc "Runs an operation for whoever has called this process."
  @spec run(term(), term(), term()) :: Operations.answer()
  def run(operation, arguments, token) do
    # A node that boots has its distribution before its configuration, and its journal would be opened in the wrong place.
    if Process.whereis(Deployment) do
      origin = Origin.of(self())
      with_local_leader(fn -> run(origin, operation, arguments, token) end)
    else
      {:error, Deployment.not_started()}
    end
  end

  defp run(origin, operation, arguments, token) do
    told = %{operation: Redaction.name(operation), who: Origin.describe(origin)}

    Telemetry.span([:bloom, :rpc], told, fn ->
      answer = answer(origin, operation, arguments, token)
      Audit.write(told.who, told.operation, Redaction.of(arguments), outcome(answer, arguments))
      {answer, result(answer)}
    end)
  end

  # A logger leaves to the calling node what is logged with a group leader there. A remote shell needs its own again.
  defp with_local_leader(fun) do
    leader = Process.group_leader()

    if node(leader) == node() do
      fun.()
    else
      Process.group_leader(self(), Process.whereis(:init))

      try do
        fun.()
      after
        Process.group_leader(self(), leader)
      end
    end
  end

  # What crashes is an answer as well, and written down.
  defp answer(origin, operation, arguments, token) do
    with :ok <- admit(origin, operation, arguments, token), do: Operations.run(operation, arguments)
  catch
    kind, reason -> {:error, ErrorInterpreter.crash("the operation", kind, reason, __STACKTRACE__)}
  end

  defp admit(origin, operation, arguments, token) do
    with :ok <- check_address(origin) do
      if Config.get(:require_authentication) == false, do: :ok, else: authenticate(origin, operation, arguments, token)
    end
  end

  defp check_address(origin) do
    case Config.get(:allowed_ips) do
      nil -> :ok
      entries -> with {:error, error} <- allowed(origin, Addresses.parse(entries)), do: {:error, error}
    end
  end

  defp allowed(%Origin{address: :unknown} = origin, _ranges) do
    {:error,
     Error.new(:address_not_allowed, "the call comes from #{Origin.describe(origin)}, and allowed_ips is set",
       suggestions: ["call with :erpc.call or :rpc.call, from a process of the calling node itself"]
     )}
  end

  defp allowed(%Origin{address: address} = origin, {:ok, ranges}) do
    if Addresses.member?(address, ranges), do: :ok, else: {:error, not_allowed(origin)}
  end

  # A configuration that came with an upgrade; nothing is allowed by one that cannot be understood.
  defp allowed(origin, :error), do: {:error, not_allowed(origin)}

  defp not_allowed(%Origin{address: :local}) do
    Error.new(:address_not_allowed, "the call comes from this node itself, which allowed_ips does not name",
      suggestions: ["add :local to config :bloom, allowed_ips"]
    )
  end

  defp not_allowed(%Origin{address: address}) do
    Error.new(:address_not_allowed, "calls from #{:inet.ntoa(address)} are not allowed",
      suggestions: ["call from another machine, or add the address to config :bloom, allowed_ips"]
    )
  end

  defp authenticate(origin, operation, arguments, token) do
    now = System.os_time(:second)

    with :ok <- Throttle.check(origin), {:ok, secrets} <- secrets() do
      with {:ok, verified} <- Token.verify(token, operation, arguments, secrets, now),
           :ok <- Nonces.use_up(verified, now) do
        :ok
      else
        {:error, error} -> refuse(origin, error)
      end
    end
  end

  # Only who guesses at the secret gets an invalid token. A caller without one, or with a clock that is wrong, must not
  # keep out others at the same address.
  defp refuse(origin, %Error{code: code} = error) do
    if code == :token_invalid, do: Throttle.failed(origin)
    {:error, error}
  end

  defp secrets do
    secrets = for option <- [:shared_secret, :previous_shared_secret], secret = Config.get(option), do: secret

    if secrets != [] and Enum.all?(secrets, &(is_binary(&1) and not Config.RPC.short?(&1))) do
      {:ok, secrets}
    else
      {:error,
       Error.new(:unauthorized, "this node asks for tokens and has no secret to check them with",
         suggestions: ["set config :bloom, shared_secret, 16 bytes at least"]
       )}
    end
  end

  defp outcome({:ok, value}, _arguments) when is_atom(value), do: {:ok, value}
  defp outcome({:ok, _value}, _arguments), do: :ok

  defp outcome({:error, error}, arguments),
    do: {:error, "#{error.code}: #{Redaction.message(error.message, arguments)}"}

  defp outcome(:ok, _arguments), do: :ok

  defp result({:error, error}), do: %{result: :error, code: error.code}
  defp result(_answer), do: %{result: :ok, code: nil}
end

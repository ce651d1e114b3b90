defmodule Bloom.Plan.Instructions do
  @moduledoc """
  Whether the instructions for a hot plan can be made, as a node makes them before it switches: it refuses a hand-written
  appup that is none, or that forgets a module.

  OTP's systools reads the files of the archives and makes atoms of what they say. So this happens in a VM of its own,
  which ends with it.
  """

  alias Bloom.{Error, Plan, Relup}

  @file_name "BLOOM_PLAN"

  @doc "Tries it in the plan's root, which is a scratch directory; why not, in words."
  @spec try_out(Plan.t()) :: :ok | {:error, String.t()}
  def try_out(%Plan{root: root} = plan) do
    file = Path.join(root, "plan")
    File.write!(file, :erlang.term_to_binary(plan))

    {said, _status} =
      System.cmd(
        erl(),
        ~w(+S 1:1 +sbwt none -boot start_clean -noshell -pa) ++ code() ++ ["-s", "#{__MODULE__}", "main"],
        env: [{@file_name, file}, {"ERL_FLAGS", nil}, {"ERL_CRASH_DUMP_SECONDS", "0"}],
        stderr_to_stdout: true
      )

    case File.read(file <> ".answer") do
      {:ok, "ok"} -> :ok
      {:ok, message} -> {:error, message}
      {:error, _no_answer} -> {:error, "the VM that was to make them ended: #{String.trim(said)}"}
    end
  end

  @doc "What runs in the VM of its own."
  @spec main() :: no_return()
  def main do
    file = System.fetch_env!(@file_name)
    File.write!(file <> ".answer", file |> File.read!() |> :erlang.binary_to_term() |> make())
    System.halt(0)
  end

  defp make(plan) do
    case Relup.write(plan.root, plan, []) do
      {:ok, _path} -> "ok"
      {:error, %Error{message: message, suggestions: why}} -> Enum.join([message | why], "; ")
    end
  end

  defp erl, do: Path.join([:code.root_dir(), "erts-#{:erlang.system_info(:version)}", "bin", "erl"])
  defp code, do: for(app <- [:elixir, :bloom], do: app |> :code.lib_dir() |> Path.join("ebin"))
end

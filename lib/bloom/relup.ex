defmodule Bloom.Relup do
  @moduledoc """
  Makes the relup of a switch: the instructions from the older release to the newer one and back.

  The instructions come from OTP's `:systools.make_relup` out of the applications' appups, hand-written or
  generated from the plan. Bloom adds what systools cannot know (consolidated protocols, children of
  supervisors), asks for soft purge everywhere, and checks the result before anything reads it. The file lies
  in the newer release's directory, as OTP wants it for both directions.
  """

  alias Bloom.{Error, ErrorInterpreter, Plan}
  alias Bloom.Relup.{Appup, Script}

  @typedoc "`older` and `newer` are release versions; `direction` says which of them is to be left."
  @type sides :: %{older: String.t(), newer: String.t(), direction: :up | :down}

  @doc """
  Which of two releases is the newer one, by semantic versioning; equal or not comparable, the target is.

      iex> Bloom.Relup.sides("1.0.0", "1.1.0")
      %{older: "1.0.0", newer: "1.1.0", direction: :up}
      iex> Bloom.Relup.sides("1.1.0", "1.0.0")
      %{older: "1.0.0", newer: "1.1.0", direction: :down}
  """
  @spec sides(running :: String.t(), target :: String.t()) :: sides()
  def sides(running, target) do
    with {:ok, from} <- Version.parse(running),
         {:ok, to} <- Version.parse(target),
         :gt <- Version.compare(from, to) do
      %{older: target, newer: running, direction: :down}
    else
      _up -> %{older: running, newer: target, direction: :up}
    end
  end

  @doc """
  Makes, checks and writes the relup for a plan whose decision is `:hot`.

  `children` are the changes of supervisors, from `Bloom.Deployment.Rehearse`. Returns the path of the file.
  """
  @spec write(Path.t(), Plan.t(), [map()]) :: {:ok, Path.t()} | {:error, Error.t()}
  def write(root, %Plan{} = plan, children) do
    with {:ok, relup} <- make(root, plan, children) do
      path = Path.join([root, "releases", sides(plan.running, plan.target).newer, "relup"])
      Bloom.DurableFile.write!(path, :io_lib.format("%% coding: utf-8~n~tp.~n", [relup]))
      {:ok, path}
    end
  end

  @doc "Makes and checks what `write/3` writes, and leaves nothing behind."
  @spec make(Path.t(), Plan.t(), [map()]) :: {:ok, tuple()} | {:error, Error.t()}
  def make(root, %Plan{} = plan, children) do
    sides = sides(plan.running, plan.target)
    scratch = Path.join([root, "releases", ".staging-relup-#{sides.newer}"])

    try do
      File.rm_rf!(scratch)

      with :ok <- Appup.write_all(scratch, plan, sides.direction),
           {:ok, relup} <- systools(root, plan.name, sides, scratch),
           do: Script.arrange(relup, plan, sides, children)
    after
      File.rm_rf!(scratch)
    end
  end

  defp systools(root, name, sides, scratch) do
    stem = &to_charlist(Path.join([root, "releases", &1, name]))
    older = [stem.(sides.older)]
    # The scratch appups shadow the applications' own, which carry base versions.
    path = [to_charlist(Path.join(scratch, "*")), to_charlist(Path.join(root, "lib/*/ebin"))]

    case :systools.make_relup(stem.(sides.newer), older, older, [:silent, :noexec, path: path]) do
      {:ok, relup, _module, _warnings} -> {:ok, relup}
      {:error, _module, _reason} = error -> {:error, ErrorInterpreter.interpret(error)}
      :error -> {:error, Error.invalid_relup("OTP makes no instructions and does not say why")}
    end
  end
end

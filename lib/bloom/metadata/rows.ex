defmodule Bloom.Metadata.Rows do
  @moduledoc """
  Rows of the journal as maps, and terms as what a row can hold.

  A newer Bloom may have written words that this one does not know: they stay strings, and no atom is made of them.
  """

  alias Bloom.Error

  @operations [:install, :switch, :rollback, :remove]
  @outcomes [:installed, :committed, :failed, :taken_back, :cancelled, :removed]
  @modes [:hot, :restart]
  @phases [:run, :undo]

  @columns "id, operation, version, from_version, mode, outcome, reason, requested_by, facts, plan, started_at, finished_at"
  @step_columns "deployment, id, step, phase, result, reason, started_at, finished_at"

  @doc "What a deployment can be."
  @spec operations() :: [atom()]
  def operations, do: @operations

  @doc "How a deployment can end."
  @spec outcomes() :: [atom()]
  def outcomes, do: @outcomes

  @doc "The columns that `deployments/2` takes."
  @spec columns() :: String.t()
  def columns, do: @columns

  @doc "The columns of steps that `deployments/2` takes."
  @spec step_columns() :: String.t()
  def step_columns, do: @step_columns

  @doc "Rows of deployments with the rows of all their steps."
  @spec deployments([list()], [list()]) :: {:ok, [map()]} | {:error, Error.t()}
  def deployments(rows, step_rows) do
    steps = Enum.group_by(step_rows, &hd/1, &step/1)
    {:ok, Enum.map(rows, &deployment(&1, steps))}
  catch
    {:unreadable, error} -> {:error, error}
  end

  @doc "Rows with terms in them, each made into something by a function that is given `term/1`."
  @spec map([list()], (list() -> value)) :: {:ok, [value]} | {:error, Error.t()} when value: term()
  def map(rows, fun) do
    {:ok, Enum.map(rows, fun)}
  catch
    {:unreadable, error} -> {:error, error}
  end

  @doc "A term as a parameter."
  @spec blob(term()) :: {:blob, binary()}
  def blob(term), do: {:blob, :erlang.term_to_binary(term, [:compressed])}

  @doc "The term of a `blob/1`. Only inside `map/2` and `deployments/2`, which answer the error."
  @spec term(binary() | nil) :: term()
  def term(nil), do: nil

  def term(blob) do
    :erlang.binary_to_term(blob)
  rescue
    ArgumentError ->
      throw(
        {:unreadable, Error.new(:store_damaged, "the journal holds a term that cannot be read: restore it from a copy")}
      )
  end

  @doc """
  A word as a parameter.

      iex> Bloom.Metadata.Rows.word(:committed)
      "committed"
      iex> Bloom.Metadata.Rows.word(nil)
      nil
  """
  @spec word(atom()) :: String.t() | nil
  def word(nil), do: nil
  def word(atom) when is_atom(atom), do: Atom.to_string(atom)

  @doc """
  Text as a parameter, whatever it is.

      iex> Bloom.Metadata.Rows.text("no disk")
      "no disk"
      iex> Bloom.Metadata.Rows.text(<<255>>)
      "<<255>>"
  """
  @spec text(term()) :: String.t() | nil
  def text(nil), do: nil
  def text(text), do: if(is_binary(text) and String.valid?(text), do: text, else: inspect(text))

  @doc "A time of the journal."
  @spec time(integer() | nil) :: DateTime.t() | nil
  def time(nil), do: nil
  def time(microseconds), do: DateTime.from_unix!(microseconds, :microsecond)

  defp deployment([id | values], steps) do
    [operation, version, from_version, mode, outcome, reason, requested_by, facts, plan, started_at, finished_at] =
      values

    %{
      id: id,
      operation: known(operation, @operations),
      version: version,
      from_version: from_version,
      mode: known(mode, @modes),
      outcome: known(outcome, @outcomes),
      reason: reason,
      requested_by: requested_by,
      facts: term(facts),
      plan: term(plan),
      started_at: time(started_at),
      finished_at: time(finished_at),
      steps: Map.get(steps, id, [])
    }
  end

  defp step([_deployment, id, step, phase, result, reason, started_at, finished_at]) do
    %{
      id: id,
      step: existing(step),
      phase: known(phase, @phases),
      result: result(result, reason),
      started_at: time(started_at),
      duration_us: finished_at && max(finished_at - started_at, 0)
    }
  end

  defp result(nil, _reason), do: nil
  defp result("ok", _reason), do: :ok
  defp result(_error, reason), do: {:error, reason}

  defp known(word, words), do: Enum.find(words, word, &(Atom.to_string(&1) == word))

  # The names of steps are those of the modules that walk, which this VM has loaded or does not have.
  defp existing(name) do
    String.to_existing_atom(name)
  rescue
    ArgumentError -> name
  end
end

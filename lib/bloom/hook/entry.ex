defmodule Bloom.Hook.Entry do
  @moduledoc "One hook as the option `hooks` names it."

  @enforce_keys [:name, :code]
  defstruct [:name, :code, priority: 50, timeout_ms: 5_000, retries: 0, retry_ms: 1_000]

  @type t :: %__MODULE__{
          name: String.t(),
          code: {module(), atom(), [term()]},
          priority: integer(),
          timeout_ms: pos_integer(),
          retries: non_neg_integer(),
          retry_ms: non_neg_integer()
        }

  @callbacks [before: :before_deployment, after: :after_deployment, failure: :deployment_failed]
  @kinds Keyword.keys(@callbacks)

  @doc """
  The hooks of a kind, in the order in which they run.

      iex> [first, _second] = Bloom.Hook.Entry.of([after: [Garden.Chat, {{Garden.Jobs, :resume, []}, priority: 1}]], :after)
      iex> first.name
      "Garden.Jobs.resume/1"
      iex> Bloom.Hook.Entry.of([], :before)
      []
  """
  @spec of(keyword(), Bloom.Hook.kind()) :: [t()]
  def of(hooks, kind) when kind in @kinds do
    # A kind may be named more than once.
    hooks = hooks |> Keyword.get_values(kind) |> Enum.concat()
    entries = for hook <- hooks, {:ok, entry} <- [new(kind, hook)], do: entry
    Enum.sort_by(entries, & &1.priority)
  end

  @doc """
  Whether a value of the option `hooks` is one.

      iex> Bloom.Hook.Entry.hooks?(before: [{Garden.Jobs, :pause, []}])
      true
      iex> Bloom.Hook.Entry.hooks?(before: [{Garden.Jobs, :pause}])
      false
  """
  @spec hooks?(term()) :: boolean()
  def hooks?(hooks) do
    Keyword.keyword?(hooks) and
      Enum.all?(hooks, fn {kind, entries} ->
        kind in @kinds and proper?(entries) and Enum.all?(entries, &match?({:ok, _entry}, new(kind, &1)))
      end)
  end

  defp new(kind, {hook, opts}) do
    with {:ok, entry} <- new(kind, hook),
         true <- Keyword.keyword?(opts) and Enum.all?(opts, &option?/1) do
      {:ok, struct!(entry, opts)}
    else
      _unusable -> :error
    end
  end

  defp new(_kind, {module, function, arguments} = code) when is_atom(module) and is_atom(function) do
    if proper?(arguments),
      do: {:ok, %__MODULE__{name: Exception.format_mfa(module, function, length(arguments) + 1), code: code}},
      else: :error
  end

  defp new(kind, module) when is_atom(module) and module not in [nil, true, false] do
    new(kind, {module, @callbacks[kind], []})
  end

  defp new(_kind, _other), do: :error

  defp option?({:priority, priority}), do: is_integer(priority)
  defp option?({:timeout_ms, ms}), do: is_integer(ms) and ms > 0
  defp option?({name, number}) when name in [:retries, :retry_ms], do: is_integer(number) and number >= 0
  defp option?(_unknown), do: false

  defp proper?(list), do: is_list(list) and List.improper?(list) == false
end

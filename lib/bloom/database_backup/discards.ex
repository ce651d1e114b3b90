defmodule Bloom.DatabaseBackup.Discards do
  @moduledoc "What a restore throws away, in numbers and in words."

  @type t :: %{repo: String.t(), count: non_neg_integer() | :unknown, unit: :transactions | :rows}

  @doc """
  In words.

      iex> Bloom.DatabaseBackup.Discards.describe([%{repo: "A.Repo", count: 3, unit: :transactions}])
      "up to 3 transactions of A.Repo"
      iex> unknown = %{repo: "B.Repo", count: :unknown, unit: :rows}
      iex> Bloom.DatabaseBackup.Discards.describe([%{repo: "A.Repo", count: 1, unit: :rows}, unknown])
      "1 row of A.Repo and an unknown number of rows of B.Repo"
      iex> Bloom.DatabaseBackup.Discards.describe([%{repo: "A.Repo", count: 0, unit: :rows}])
      "nothing"
  """
  @spec describe([t()]) :: String.t()
  def describe(discards) do
    case for %{count: count} = discard <- discards, count != 0, do: words(discard) do
      [] -> "nothing"
      words -> Enum.join(words, " and ")
    end
  end

  defp words(%{repo: repo, count: :unknown, unit: unit}), do: "an unknown number of #{unit} of #{repo}"
  defp words(%{repo: repo, count: 1, unit: :transactions}), do: "up to 1 transaction of #{repo}"
  defp words(%{repo: repo, count: count, unit: :transactions}), do: "up to #{count} transactions of #{repo}"
  defp words(%{repo: repo, count: 1, unit: :rows}), do: "1 row of #{repo}"
  defp words(%{repo: repo, count: count, unit: :rows}), do: "#{count} rows of #{repo}"
end

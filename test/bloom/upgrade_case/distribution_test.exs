defmodule Bloom.UpgradeCase.DistributionTest do
  use ExUnit.Case, async: true

  test "tests that run side by side all find this VM distributed" do
    {:ok, peer, :nonode@nohost} = :peer.start_link(%{connection: :standard_io})
    :ok = :peer.call(peer, :code, :add_pathsz, [:code.get_path()])

    code = """
    alias Bloom.UpgradeCase.Distribution
    {:ok, _apps} = Application.ensure_all_started(:elixir)
    1..8 |> Task.async_stream(fn _test -> {Distribution.ensure(), Node.alive?()} end, max_concurrency: 8) |> Enum.uniq()
    """

    assert {[ok: {:ok, true}], _binding} = :peer.call(peer, Code, :eval_string, [code], 30_000)
  end
end

defmodule Bloom.MetadataTest do
  use ExUnit.Case

  alias Bloom.Metadata
  alias Bloom.Metadata.Store

  @moduletag :tmp_dir

  setup %{tmp_dir: tmp_dir} do
    Application.put_env(:bloom, :app_root, tmp_dir)

    on_exit(fn ->
      Application.delete_env(:bloom, :app_root)
      Store.close()
    end)

    {:ok, db: Path.join(tmp_dir, "bloom.db")}
  end

  describe "the journal of a deployment" do
    test "has what was written before and after every step" do
      assert {:ok, nil} = Metadata.unfinished_deployment()

      assert {:ok, id} =
               Metadata.start_deployment(%{
                 operation: :switch,
                 version: "1.1.0",
                 from_version: "1.0.0",
                 requested_by: "florist",
                 facts: %{placed: ["lib/a-1"]}
               })

      assert :ok = Metadata.update_deployment(id, %{mode: :hot, plan: %{decision: :hot, reasons: []}})
      assert {:ok, first} = Metadata.start_step(id, :rehearse, :run)
      assert :ok = Metadata.finish_step(first, :ok, %{placed: ["lib/a-1"], rehearsed: true})
      assert {:ok, second} = Metadata.start_step(id, :switch, :run)
      assert :ok = Metadata.finish_step(second, {:error, "it is busy"}, nil)
      assert {:ok, third} = Metadata.start_step(id, :rehearse, :undo)

      assert {:ok, deployment} = Metadata.unfinished_deployment()

      assert %{
               id: ^id,
               operation: :switch,
               version: "1.1.0",
               from_version: "1.0.0",
               mode: :hot,
               outcome: nil,
               reason: nil,
               requested_by: "florist",
               facts: %{placed: ["lib/a-1"], rehearsed: true},
               plan: %{decision: :hot, reasons: []},
               started_at: %DateTime{} = started_at,
               finished_at: nil,
               steps: [
                 %{id: ^first, step: :rehearse, phase: :run, result: :ok, duration_us: duration},
                 %{id: ^second, step: :switch, phase: :run, result: {:error, "it is busy"}},
                 %{id: ^third, step: :rehearse, phase: :undo, result: nil, duration_us: nil}
               ]
             } = deployment

      assert duration >= 0
      assert abs(DateTime.diff(DateTime.utc_now(), started_at)) < 60

      assert :ok = Metadata.finish_deployment(id, :taken_back, "it is busy")
      assert {:ok, nil} = Metadata.unfinished_deployment()

      assert {:ok, %{outcome: :taken_back, reason: "it is busy", finished_at: %DateTime{}}} =
               Metadata.get_deployment(id)
    end
  end
end

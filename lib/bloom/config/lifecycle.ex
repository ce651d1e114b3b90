defmodule Bloom.Config.Lifecycle do
  @moduledoc "The options of which releases are kept, a part of the schema of `Bloom.Config`."

  @schema [
    auto_cleanup_enabled: [
      type: :boolean,
      default: true,
      doc: "Remove old releases before an installation and after a commit, see `Bloom.LifecycleManager`."
    ],
    release_retention_count: [
      type: :pos_integer,
      default: 5,
      doc: "How many releases a cleanup keeps, latest first, beside those that are never removed."
    ],
    disk_space_warning_threshold: [
      type: :percent,
      default: 85,
      doc: "From how many percent of the disk on Bloom warns in the log."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema
end

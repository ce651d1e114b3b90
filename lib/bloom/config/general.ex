defmodule Bloom.Config.General do
  @moduledoc "The options of the release and of where its files are, a part of the schema of `Bloom.Config`."

  @schema [
    app_name: [
      type: {:or, [:atom, :string]},
      default: nil,
      doc: "Name of the release. Default: the name of the release that runs."
    ],
    releases_dir: [
      type: :string,
      default: nil,
      doc: "Directory where archives are looked for. Default: `releases` in the release's root."
    ],
    app_root: [
      type: :string,
      default: nil,
      doc: "Directory of Bloom's journal, `bloom.db`. Default: the release's root; without a release it is in memory."
    ],
    release_handler: [
      type: :module,
      default: Bloom.ReleaseHandler.OTP,
      doc: "The `Bloom.ReleaseHandler` that switches. `Bloom.MockReleaseHandler` in test suites."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema
end

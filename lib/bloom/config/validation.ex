defmodule Bloom.Config.Validation do
  @moduledoc "The options of what a node and a release must fulfil, a part of the schema of `Bloom.Config`."

  @schema [
    min_otp_version: [
      type: {:custom, Bloom.Release.OTPVersion, :version?, "a version of OTP such as \"25.0\""},
      default: "25.0",
      doc: "With which version of Erlang/OTP a release must have been built at least."
    ],
    required_applications: [
      type: {:list, :atom},
      default: [],
      doc: "Applications that must be running."
    ],
    min_disk_space_mb: [
      type: :non_neg_integer,
      default: 500,
      doc: "How much must be free where releases are, in megabytes."
    ],
    skip_file_checks: [
      type: :boolean,
      default: false,
      doc: "Skip everything that needs files and a real release. Only for test suites with the mock."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema
end

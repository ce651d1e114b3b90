defmodule Bloom.Hook do
  @moduledoc """
  Code of the application that runs before a switch, after it was committed, or when it came to nothing.

      config :bloom,
        hooks: [
          before: [{MyApp.Jobs, :pause, []}, {{MyApp.Jobs, :drain, []}, priority: 10, timeout_ms: 60_000, retries: 2}],
          after: [{MyApp.Jobs, :resume, []}, MyApp.Announce],
          failure: [{MyApp.Jobs, :resume, []}, MyApp.Announce]
        ]

  A hook is `{module, function, arguments}`, called with a map (`t:info/0`) before the arguments, or a module with this
  behaviour. Both are found by their names when they are called, so they survive upgrades: `before` is the old release's
  configuration and code, `after` the new one's, `failure` that of the release which runs then. It answers `:ok` or
  `{:error, reason}`; one that raises, throws, exits, hangs or answers anything else has failed.

      defmodule MyApp.Announce do
        @behaviour Bloom.Hook

        @impl true
        def after_deployment(%{version: version}), do: MyApp.Chat.say("\#{version} is live")

        @impl true
        def deployment_failed(%{version: version, reason: reason}), do: MyApp.Chat.say("\#{version}: \#{reason}")
      end

  Hooks of a kind run one after the other. Options of each, in `{hook, options}`:

  | option | default | meaning |
  | --- | --- | --- |
  | `priority` | `50` | the lowest runs first; those of the same priority in the order of the list |
  | `timeout_ms` | `5000` | how long one attempt may take |
  | `retries` | `0` | how often it is tried again after it has failed |
  | `retry_ms` | `1000` | how long to wait before that |

  Which failures count and what happens after a crash is in the guide "Hooks".
  """

  @typedoc """
  What a hook is told. `deployment` is the id in the history, `from_version` what ran when it began; `outcome` and
  `reason` are those of the history, and `nil` except for `failure`.
  """
  @type info :: %{
          kind: kind(),
          deployment: pos_integer(),
          operation: :switch | :rollback,
          version: String.t(),
          from_version: String.t(),
          outcome: nil | :failed | :taken_back | :cancelled,
          reason: String.t() | nil
        }

  @type kind :: :before | :after | :failure

  @doc "Before anything of the node is changed. A failure ends the deployment."
  @callback before_deployment(info()) :: :ok | {:error, term()}

  @doc "After the release was committed. A failure is noted in the history."
  @callback after_deployment(info()) :: :ok | {:error, term()}

  @doc "After a deployment has failed, was taken back or cancelled. A failure is noted in the history."
  @callback deployment_failed(info()) :: :ok | {:error, term()}

  @optional_callbacks before_deployment: 1, after_deployment: 1, deployment_failed: 1
end

using Millrace.Engines.Contract;

namespace Millrace.Engines.Simulation;

public sealed class SimulatedLogTests : LogContract
{
    protected override Task Run(Func<World, Task> test) => SimulatedWorld.Run(5, test);
}

public sealed class SimulatedStateTests : StateContract
{
    protected override Task Run(Func<World, Task> test) => SimulatedWorld.Run(5, test);
}

public sealed class SimulatedProcessingTests : ProcessingContract
{
    protected override Task Run(Func<World, Task> test) => SimulatedWorld.Run(100, test);
}

public sealed class SimulatedRestartTests : RestartContract
{
    protected override Task Run(Func<World, Task> test) => SimulatedWorld.Run(30, test);
}

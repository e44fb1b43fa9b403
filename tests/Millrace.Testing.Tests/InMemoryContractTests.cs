using Millrace.Engines;
using Millrace.Engines.Contract;

namespace Millrace.Testing.Tests;

internal sealed class InMemoryWorld : RealWorld
{
    public override IEngine Engine { get; } = new InMemoryEngine();

    public override Task Restart() => throw new NotSupportedException("Nothing of it outlives the process.");

    public static async Task Run(Func<World, Task> test)
    {
        var world = new InMemoryWorld();
        await using (world.Engine)
        {
            await test(world);
        }
    }
}

public sealed class InMemoryLogTests : LogContract
{
    protected override Task Run(Func<World, Task> test) => InMemoryWorld.Run(test);
}

public sealed class InMemoryStateTests : StateContract
{
    protected override Task Run(Func<World, Task> test) => InMemoryWorld.Run(test);
}

public sealed class InMemoryProcessingTests : ProcessingContract
{
    protected override Task Run(Func<World, Task> test) => InMemoryWorld.Run(test);
}

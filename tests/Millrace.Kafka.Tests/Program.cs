using Millrace.Kafka.Tests;
using Millrace.Kafka.Tests.Chaos;

// The tests start this program again as processes that they can kill; eng/chaos runs the long rounds.
return args switch
{
    ["node", .. var rest] => await Node.Run(rest),
    ["newsroom", .. var rest] => await NewsroomProcess.Run(rest),
    ["chaos", .. var rest] => await ChaosCommand.Run(rest),
    _ => await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(
        args,
        SelfRegisteredExtensions.AddSelfRegisteredExtensions
    ),
};

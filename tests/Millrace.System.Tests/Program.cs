using Millrace.SystemTests;
using Millrace.SystemTests.Node;

// The tests start this program again as the process beside the database: one that can be killed.
return args is ["node", .. var rest]
    ? await ShopNode.RunAsync(rest)
    : await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);

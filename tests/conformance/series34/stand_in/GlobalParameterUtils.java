package org.apache.dolphinscheduler.plugin.task.api.utils;

import com.fasterxml.jackson.core.type.TypeReference;
import java.util.List;
import org.apache.dolphinscheduler.common.utils.JSONUtils;
import org.apache.dolphinscheduler.plugin.task.api.model.Property;

/** Of 3.4's task-api, which no registry has: a list of properties as JSON, as its callers use it. */
public class GlobalParameterUtils {
    public static String serializeGlobalParameter(List<Property> params) {
        return JSONUtils.toJsonString(params);
    }

    public static List<Property> deserializeGlobalParameter(String json) {
        return JSONUtils.parseObject(json, new TypeReference<List<Property>>() {});
    }
}
